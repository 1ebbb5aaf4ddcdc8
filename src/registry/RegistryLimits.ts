/** What one registry may cost us, at most. Times in milliseconds, sizes in bytes. */
export interface RegistryLimits {
  /** Connections to one origin at a time; further requests queue within their own deadline. */
  readonly connections: number
  readonly connectMs: number
  readonly headersMs: number
  /** Between two pieces of a body. */
  readonly bodyMs: number
  /** One answer, from the queue to its last byte. */
  readonly totalMs: number
  /** One listing, all pages. */
  readonly listingMs: number
  readonly tokenBytes: number
  readonly manifestBytes: number
  readonly tagsPageBytes: number
  /** Of a refusal's body, from which only the error's code is read. */
  readonly refusalBytes: number
  readonly pages: number
  readonly tags: number
}

/** X13; `registry-protocol.md` §3.2 and §7.4 for the sizes and times. */
export const defaultLimits: RegistryLimits = {
  connections: 8,
  connectMs: 5_000,
  headersMs: 10_000,
  bodyMs: 10_000,
  totalMs: 30_000,
  listingMs: 120_000,
  tokenBytes: 64 * 1024,
  manifestBytes: 4 * 1024 * 1024,
  tagsPageBytes: 16 * 1024 * 1024,
  refusalBytes: 64 * 1024,
  // GHCR, Quay and ECR send 100 tags a page.
  pages: 2_500,
  tags: 250_000
}
