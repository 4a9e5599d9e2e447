// ONNX Runtime reports its use to its makers unless this is set before its library is loaded.
process.env.ORT_DISABLE_TELEMETRY ??= '1'
