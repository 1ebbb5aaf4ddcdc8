import * as NodeStream from "@effect/platform-node/NodeStream"
import { Effect, Redacted, Schema, type Scope, Semaphore, type Stream } from "effect"
import { readFile } from "node:fs/promises"
import { Agent, buildConnector } from "undici"
import type { NomadEndpoint } from "../../domain/NomadEndpoint.ts"

/** Every call that is sent ends by it, however it goes; Nomad holds a request 5 seconds while it has no leader. */
const deadline = "10 seconds"
/** Shorter than the deadline, so that a host that does not take the call is known not to have had it. */
const connectMillis = 4_000
/** Nomad serves 100 connections a client address, blocking queries of others and up to 64 streams of ours included. */
const connections = 32
/**
 * Calls of a namespace at once, so that two that hang leave connections to the others (L6). What writes, and the one call
 * that follows all rollouts, waits behind no reads, however many jobs are looked at.
 */
const readsOfOne = 8
const writesOfOne = 8
/** For its turn a write waits within its deadline, for it has a time by which it is sent (S6), a read before it. */
const writeTurn = "5 seconds"
const readTurn = "1 minute"
const noTurn = (within: string) =>
  `not sent within ${within}: other calls in its namespace wait for their answers`
/** Seven versions of a large job are a few MiB; a body beyond this is no answer of Nomad's (X13). */
const maxBodyBytes = 32 * 1024 * 1024

export interface NomadAnswer {
  readonly status: number
  /** Lower-case names; of a header sent twice the first. */
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
}

/** No answer in full. `reached` false proves that no byte of the call was sent. */
export class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", {
  reached: Schema.Boolean,
  words: Schema.String
}) {}

export interface NomadCall {
  readonly method: "GET" | "POST"
  /** Begins with `/v1/`; its parts are escaped. */
  readonly path: string
  /** Empty values are left out; a key with several values is sent as often. */
  readonly query: Readonly<Record<string, string | ReadonlyArray<string>>>
  readonly body?: Redacted.Redacted
  /** An answer beyond it is none; 32 MiB where left out. */
  readonly maxBytes?: number
}

/** An answer whose body is read while it comes. */
export interface NomadStream {
  readonly status: number
  readonly body: Stream.Stream<Uint8Array, NoAnswer>
}

/** One whole answer, within the deadline. */
export type NomadHttp = (call: NomadCall) => Effect.Effect<NomadAnswer, NoAnswer>
/** An answer without a deadline, on a connection of its own that ends with the scope. */
export type OpenNomadStream = (call: NomadCall) => Effect.Effect<NomadStream, NoAnswer, Scope.Scope>

/** What broke before anything was sent: the token's file, TCP, the unix socket, TLS. */
class NotConnected extends Error {}

const tell = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : ""
  // Node's AggregateError (both addresses of localhost refused) has no message of its own.
  return cause.message === "" ? code : cause.message
}

const noAnswer = (cause: unknown): NoAnswer =>
  new NoAnswer({ reached: !(cause instanceof NotConnected), words: tell(cause) })

/** One address, one pool of connections; redirects are not followed, so the token goes nowhere else (X1). */
export const makeNomadHttp = (
  nomad: NomadEndpoint
): Effect.Effect<{ readonly http: NomadHttp; readonly openStream: OpenNomadStream }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const isSocket = nomad.address.protocol === "unix:"
    const connector = buildConnector({
      timeout: connectMillis,
      allowH2: false,
      rejectUnauthorized: !nomad.skipVerify,
      ...(isSocket ? { socketPath: decodeURIComponent(nomad.address.pathname) } : {}),
      ...(nomad.ca === undefined ? {} : { ca: nomad.ca }),
      ...(nomad.clientCertificate === undefined
        ? {}
        : {
            cert: nomad.clientCertificate.cert,
            key: Redacted.value(nomad.clientCertificate.key)
          }),
      ...(nomad.tlsServerName === undefined ? {} : { servername: nomad.tlsServerName })
    })
    const agentWith = (options: Agent.Options) =>
      Effect.acquireRelease(
        Effect.sync(
          () =>
            new Agent({
              ...options,
              connect: (target, callback) =>
                connector(target, (error, socket) =>
                  error === null ? callback(null, socket) : callback(new NotConnected(tell(error)), null)
                )
            })
        ),
        (held) => Effect.promise(() => held.destroy())
      )
    const agent = yield* agentWith({ connections })
    // Streams keep their connections: none is taken from the calls. Their silence is timed by who reads them.
    const streams = yield* agentWith({ headersTimeout: 0, bodyTimeout: 0 })
    const origin = isSocket ? "http://127.0.0.1" : nomad.address.origin
    const prefix = isSocket ? "" : nomad.address.pathname.replace(/\/$/, "")
    const token = async (): Promise<string | undefined> => {
      const { tokenFile } = nomad
      if (tokenFile === undefined) return nomad.token && Redacted.value(nomad.token)
      const text = await readFile(tokenFile, "utf8").catch((error: unknown) => {
        throw new NotConnected(`the file of Nomad's token can not be read: ${tell(error)}`)
      })
      const written = text.trim()
      // While Nomad writes another there is none for a moment: a call without it would be another's, and refused.
      if (!/^[\x21-\x7e]+$/.test(written)) throw new NotConnected("the file of Nomad's token holds no token")
      return written
    }
    const headersOf = async () => {
      const current = await token()
      return current === undefined ? login : { "x-nomad-token": current, ...login }
    }
    const login =
      nomad.httpAuth === undefined
        ? {}
        : { authorization: `Basic ${Buffer.from(Redacted.value(nomad.httpAuth)).toString("base64")}` }

    const request = async (by: Agent, call: NomadCall, signal: AbortSignal) => {
      const pairs = Object.entries(call.query).flatMap(([key, values]) =>
        [values].flat().map((value): [string, string] => [key, value])
      )
      const query = new URLSearchParams(pairs.filter(([, value]) => value !== ""))
      const headers = await headersOf()
      return by.request({
        origin,
        path: `${prefix}${call.path}${query.size === 0 ? "" : `?${query.toString()}`}`,
        method: call.method,
        signal,
        ...(call.body === undefined
          ? { headers }
          : {
              headers: { ...headers, "content-type": "application/json" },
              body: Redacted.value(call.body)
            })
      })
    }

    const exchange = async (call: NomadCall, signal: AbortSignal): Promise<NomadAnswer> => {
      const answer = await request(agent, call, signal)
      const chunks: Array<Buffer> = []
      const limit = call.maxBytes ?? maxBodyBytes
      let size = 0
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        size += chunk.length
        if (size > limit) throw new Error(`the answer is larger than ${limit} bytes`)
        chunks.push(chunk)
      }
      const named = Object.entries(answer.headers).flatMap(([name, value]) => {
        const first = Array.isArray(value) ? value[0] : value
        return first === undefined ? [] : [[name.toLowerCase(), first] as const]
      })
      return {
        status: answer.statusCode,
        headers: new Map(named),
        text: Buffer.concat(chunks).toString("utf8")
      }
    }

    const turns = new Map<string, Semaphore.Semaphore>()
    const turnsOf = ({ query, method }: NomadCall): Semaphore.Semaphore => {
      const key = JSON.stringify([query["region"], query["namespace"], method])
      const found = turns.get(key) ?? Semaphore.makeUnsafe(method === "GET" ? readsOfOne : writesOfOne)
      turns.set(key, found)
      return found
    }

    /** Held until the scope is closed. */
    const turnOf = (call: NomadCall, within: typeof readTurn | typeof writeTurn) =>
      turnsOf(call)
        .takeScoped(1)
        .pipe(
          Effect.timeoutOrElse({
            duration: within,
            orElse: () => Effect.fail(new NoAnswer({ reached: false, words: noTurn(within) }))
          })
        )

    const inTime = Effect.timeoutOrElse({
      duration: deadline,
      orElse: () => Effect.fail(new NoAnswer({ reached: true, words: `no answer within ${deadline}` }))
    })

    const http: NomadHttp = (call) => {
      const answer = Effect.tryPromise({ try: (signal) => exchange(call, signal), catch: noAnswer })
      return call.method === "GET"
        ? Effect.scoped(Effect.andThen(turnOf(call, readTurn), inTime(answer)))
        : inTime(Effect.scoped(Effect.andThen(turnOf(call, writeTurn), answer)))
    }

    const openStream: OpenNomadStream = Effect.fnUntraced(function* (call) {
      const { statusCode, body } = yield* Effect.acquireRelease(
        Effect.tryPromise({ try: (signal) => request(streams, call, signal), catch: noAnswer }),
        // What is destroyed before it was read tells nobody but who listens.
        (answer) => Effect.sync(() => void answer.body.on("error", () => undefined).destroy()),
        { interruptible: true }
      )
      return {
        status: statusCode,
        body: NodeStream.fromReadable({ evaluate: () => body, onError: noAnswer, closeOnDone: false })
      }
    })

    return { http, openStream }
  })
