import './telemetry-off.js'

export * from 'onnxruntime-node'
