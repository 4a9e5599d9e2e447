/** Storage types that can be read: safetensors holds the first three, GGUF all of them. */
export type DType =
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'Q8_0'
  | 'Q4_0'
  | 'Q4_1'
  | 'Q5_0'
  | 'Q5_1'
  | 'Q2_K'
  | 'Q3_K'
  | 'Q4_K'
  | 'Q5_K'
  | 'Q6_K'
  | 'IQ4_NL'
  | 'IQ4_XS'
  | 'TQ1_0'
  | 'TQ2_0'
  | 'MXFP4'
  | 'NVFP4'

export interface TensorInfo {
  /** HF parameter name, e.g. `model.layers.0.self_attn.q_proj.weight`. */
  name: string
  dtype: DType
  /** HF's order: [out, in] for linear layers; [] is a scalar. */
  shape: number[]
  file: string
  /** Of the first byte, from the start of the file. */
  offset: number
  byteLength: number
}

/** The tensors of one model, whatever file format and storage type holds them. */
export interface WeightStore {
  /** By HF parameter name. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** safetensors: `__metadata__` (strings). GGUF: every key with its value. */
  readonly metadata: ReadonlyMap<string, unknown>
  /** Tensors that the file holds in a type that cannot be read: the type by name. */
  readonly unreadable: ReadonlyMap<string, string>
  /** A key for caches of what is built from these weights: a hexadecimal SHA-256. */
  fingerprint(): Promise<string>
  /**
   * The tensor as HF holds it, dequantised to fp32, row-major in the order of `shape`.
   * @param rows the first row of a part of it, and the one after its last; no more is read of a file than they take
   * @throws UserError for a name that is not in the store or a file that can no longer be read.
   */
  read(name: string, rows?: RowRange): Promise<Float32Array>
  /** Whether two tensors are stored as the same bytes of the same type and shape. */
  isSame(name: string, other: string): Promise<boolean>
  /** Whether the file's bytes are HF's values as this type, so that the tensor can be mapped from where it lies. */
  isVerbatim(name: string, dtype: 'F32' | 'F16'): boolean
  close(): Promise<void>
}

/** The first row, and the one after the last. */
export type RowRange = readonly [first: number, end: number]

/** A model's weights by HF's names, row-major in float32. */
export type Weights = Map<string, Float32Array>
