const lineFeed = 10

/**
 * Cuts what arrives into lines of at most so many bytes. Of a longer one nothing is kept, and `null` stands for it: what
 * the other side sends takes no more memory than that (X13).
 */
export class BoundedLines {
  readonly #maxBytes: number
  #parts: Array<Uint8Array> = []
  #size = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The lines that end in this chunk, without their ends. */
  push(chunk: Uint8Array): ReadonlyArray<string | null> {
    const lines: Array<string | null> = []
    let from = 0
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, from)) {
      this.#keep(chunk.subarray(from, end))
      lines.push(this.#size > this.#maxBytes ? null : Buffer.concat(this.#parts).toString("utf8"))
      this.#parts = []
      this.#size = 0
      from = end + 1
    }
    this.#keep(chunk.subarray(from))
    return lines
  }

  #keep(part: Uint8Array): void {
    this.#size += part.length
    if (this.#size > this.#maxBytes) this.#parts = []
    else this.#parts.push(part)
  }
}
