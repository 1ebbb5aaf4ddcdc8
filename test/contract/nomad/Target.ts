import { assert } from "@effect/vitest"
import { Clock, Effect, Layer, ManagedRuntime, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { WriteBody } from "./Answers.ts"
import { NomadSimulator, type Outcome } from "../../../src/sim/NomadSimulator.ts"

/** One answer of whatever is tested. */
export interface Reply<A> {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The parsed body, read as the test expects it to be; `null` where it is no JSON. */
  readonly json: A
}

/** What the contract is tested against. */
export interface Target {
  readonly call: <A = WriteBody>(method: string, path: string, body?: unknown) => Effect.Effect<Reply<A>>
  /** Opens a stream of lines that nobody ends: it is closed with the scope. */
  readonly stream: (path: string) => Effect.Effect<Streamed, never, Scope.Scope>
  /** Lets time pass: virtual on the simulator, real on an agent. */
  readonly pass: (milliseconds: number) => Effect.Effect<void>
  /** Milliseconds on the clock that `pass` moves. */
  readonly now: Effect.Effect<number>
  /** Waits until the target has taken a request whose path contains this and still holds it. */
  readonly holds: (path: string) => Effect.Effect<void>
  /** What that task writes before it exits with 3, or that it never starts; an agent knows by its command. */
  readonly says: (
    job: string,
    task: string,
    what: { readonly stdout: string; readonly stderr: string } | "never starts"
  ) => Effect.Effect<void>
  readonly stop: () => Promise<void>
}

export const caller =
  (url: string): Target["call"] =>
  <A>(method: string, path: string, body?: unknown): Effect.Effect<Reply<A>> =>
    Effect.promise(async (signal) => {
      const response = await fetch(`${url}${path}`, {
        method,
        signal,
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
      })
      const text = await response.text()
      const isJson = response.headers.get("content-type")?.startsWith("application/json") === true
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: (isJson ? JSON.parse(text) : null) as A
      }
    })

/** The lines that a stream has sent so far. */
export interface Streamed {
  readonly status: number
  readonly headers: Headers
  readonly lines: ReadonlyArray<string>
}

export const streamer =
  (url: string): Target["stream"] =>
  (path) =>
    Effect.gen(function* () {
      const abort = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        (controller) => Effect.sync(() => controller.abort())
      )
      return yield* Effect.promise(async () => {
        const { signal } = abort
        // With what would compress any other answer.
        const headers = { "Accept-Encoding": "gzip" }
        const response = await fetch(`${url}${path}`, { signal, headers })
        const lines: Array<string> = []
        void follow(response, lines).catch(() => undefined)
        return { status: response.status, headers: response.headers, lines }
      })
    })

const follow = async (response: Response, lines: Array<string>): Promise<void> => {
  let rest = ""
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const parts = `${rest}${text}`.split("\n")
    rest = parts.pop() ?? ""
    lines.push(...parts)
  }
}

/** Start of the simulator's virtual time. */
const start = Date.UTC(2026, 0, 1)

/** Never warns: a virtual clock that stands still is what is wanted here. */
const virtualClock = TestClock.layer({ warningDelay: "1 hour" })

/** A simulator on a clock of its own that only `pass` moves. */
export const startSimulator = async (): Promise<Target> => {
  const runtime = ManagedRuntime.make(NomadSimulator.layer().pipe(Layer.provideMerge(virtualClock)))
  await runtime.runPromise(TestClock.setTime(start))
  const simulator = await runtime.runPromise(NomadSimulator)
  const onClock = <A>(effect: Effect.Effect<A>) => Effect.promise(() => runtime.runPromise(effect))
  return {
    call: caller(simulator.url),
    stream: streamer(simulator.url),
    pass: (milliseconds) => onClock(TestClock.adjust(milliseconds)),
    now: onClock(Clock.currentTimeMillis),
    holds: (path) =>
      Effect.gen(function* () {
        for (let tries = 0; tries < 400; tries++) {
          const held = (yield* simulator.requests).some(
            (each) => each.status === null && each.path.includes(path)
          )
          if (held) return
          yield* Effect.sleep("5 millis")
        }
        assert.fail(`no request for ${path} is held`)
      }),
    says: (job, task, what) => {
      const outcome: Outcome =
        what === "never starts"
          ? { _tag: "StartFails", words: "there is no such program" }
          : { _tag: "Exits", code: 3, ...what }
      return simulator.setOutcome({ job, task, outcome })
    },
    stop: () => runtime.dispose()
  }
}
