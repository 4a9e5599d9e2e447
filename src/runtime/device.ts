export const DEVICES = ['cpu', 'webgpu', 'cuda'] as const

export type Device = (typeof DEVICES)[number]

/** Where sessions run. */
export interface Placement {
  readonly device: Device
  /** Which of CUDA's devices, from 0; ONNX Runtime takes none for the others. By default the first. */
  readonly deviceId?: number
}
