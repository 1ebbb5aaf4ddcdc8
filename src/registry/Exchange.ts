import { Effect } from "effect"
import type { Dispatcher } from "undici"
import { Malformed, Unavailable } from "./RegistryError.ts"
import type { RegistryLimits } from "./RegistryLimits.ts"

/** One request without a body. */
export interface Request {
  readonly method: "GET" | "HEAD"
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** Cap of a 200's body; a body above it is `Malformed`. */
  readonly maxBytes: number
  /** When to give up, in milliseconds of `performance.now()`. */
  readonly endsAt: number
}

export interface Answer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  /** Of any other status than 200, the first bytes only. */
  readonly body: Buffer
}

/**
 * The network lives in real time whatever clock the program is given, so deadlines do not follow a test's
 * clock: a virtual minute would end every request that is under way.
 */
export const endsIn = (milliseconds: number): number => performance.now() + milliseconds

/**
 * One answer by one request; redirects are not followed (X3) and nothing is sent twice. Interruption and
 * the deadline end the connection. What is thrown away early costs no more bytes than the cap.
 */
export const exchange = (dispatcher: Dispatcher, limits: RegistryLimits, request: Request) =>
  Effect.callback<Answer, Unavailable | Malformed>((resume) => {
    const collector = new Collector(request, limits, resume)
    dispatcher.dispatch(
      {
        origin: request.url.origin,
        path: request.url.pathname + request.url.search,
        method: request.method,
        headers: request.headers,
        headersTimeout: limits.headersMs,
        bodyTimeout: limits.bodyMs,
        // Without it undici closes the connection after every HEAD.
        reset: false
      },
      collector
    )
    return Effect.sync(() => collector.giveUp())
  })

// One for all: its stack would be the dearest part of a request.
const givenUp = new Error("given up")

class Collector implements Dispatcher.DispatchHandler {
  readonly #request: Request
  readonly #limits: RegistryLimits
  readonly #resume: (effect: Effect.Effect<Answer, Unavailable | Malformed>) => void
  readonly #timer: ReturnType<typeof setTimeout>
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false
  #status = 0
  #headers: Answer["headers"] = {}
  readonly #chunks: Array<Buffer> = []
  #bytes = 0

  constructor(
    request: Request,
    limits: RegistryLimits,
    resume: (effect: Effect.Effect<Answer, Unavailable | Malformed>) => void
  ) {
    this.#request = request
    this.#limits = limits
    this.#resume = resume
    this.#timer = setTimeout(
      () => this.#end(Effect.fail(unavailable(request.url, "no whole answer within the deadline"))),
      request.endsAt - performance.now()
    )
  }

  onRequestStart(controller: Dispatcher.DispatchController) {
    this.#controller = controller
    // It may have waited in the queue for longer than anybody waits for it.
    if (this.#isOver) this.giveUp()
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Answer["headers"]) {
    this.#status = status
    this.#headers = headers
    const coding = headers["content-encoding"]
    if (coding !== undefined && coding !== "identity") {
      this.#end(Effect.fail(malformed(this.#request.url, "a compressed answer, which was not asked for")))
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer) {
    this.#bytes += chunk.length
    if (this.#status === 200 && this.#bytes > this.#request.maxBytes) {
      const words = `an answer of more than ${this.#request.maxBytes} bytes`
      return this.#end(Effect.fail(malformed(this.#request.url, words)))
    }
    this.#chunks.push(chunk)
    if (this.#status !== 200 && this.#bytes > this.#limits.refusalBytes) this.#end(this.#answer())
  }

  onResponseEnd() {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#resume(this.#answer())
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error) {
    this.#end(Effect.fail(unavailable(this.#request.url, error)))
  }

  /** Closes the connection, or does once undici has one: nobody waits for the answer any more. */
  giveUp() {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#controller?.abort(givenUp)
  }

  #answer() {
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    return Effect.succeed({ status: this.#status, headers: this.#headers, body })
  }

  /** Before the answer's own end. */
  #end(outcome: Effect.Effect<Answer, Unavailable | Malformed>) {
    if (this.#isOver) return
    this.giveUp()
    this.#resume(outcome)
  }
}

const malformed = (url: URL, words: string) => new Malformed({ words: `${url.host}: ${words}` })

/**
 * Of undici's and Node's errors only code and message are kept: some carry bytes of the answer, in which a
 * registry may have echoed what we sent (X6).
 */
const unavailable = (url: URL, reason: string | (Error & { readonly code?: unknown })) => {
  const code = typeof reason === "string" || typeof reason.code !== "string" ? "" : reason.code
  const message = typeof reason === "string" ? reason : reason.message
  const words = [message, message.includes(code) ? "" : `(${code})`].filter((part) => part !== "").join(" ")
  return new Unavailable({ words: `${url.host}: ${words}`, retryAfter: null, cause: code || words })
}
