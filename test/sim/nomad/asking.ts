import { Effect } from "effect"
import { type NomadOptions, NomadSimulator } from "../../../src/sim/NomadSimulator.ts"
import { type Json, type JsonObject, parseJson } from "../../../src/sim/nomad/Json.ts"

export type Nomad = NomadSimulator["Service"]

export interface Answered {
  readonly status: number
  readonly body: string
  /** The body, where it is a JSON object; else `{}`. */
  readonly json: JsonObject
  readonly headers: Readonly<Record<string, string>>
}

/** A simulator of its own, under a test clock. */
export const withNomad = <A>(
  use: (nomad: Nomad) => Effect.Effect<A>,
  options: NomadOptions = {}
): Effect.Effect<A> =>
  Effect.flatMap(NomadSimulator, use).pipe(Effect.provide(NomadSimulator.layer(options)), Effect.orDie)

/** Asks without a socket; `path` with its query, as who has that token. */
export const ask = (
  nomad: Nomad,
  method: string,
  path: string,
  body?: Json,
  token = "",
  taskApi = false
): Effect.Effect<Answered> => {
  const [plain = "", query] = path.split("?")
  const request = {
    method,
    path: plain,
    query: new URLSearchParams(query),
    body: body === undefined ? "" : JSON.stringify(body),
    token,
    taskApi
  }
  return Effect.map(nomad.handle(request), (answer) => {
    const text = answer?.body ?? ""
    const isObject = text.startsWith("{")
    return {
      status: answer?.status ?? 0,
      body: text,
      json: isObject ? (parseJson(text) as JsonObject) : {},
      headers: answer?.headers ?? {}
    }
  })
}

/** The body of a list. */
export const listOf = ({ body }: Answered): ReadonlyArray<JsonObject> =>
  parseJson(body) as unknown as ReadonlyArray<JsonObject>
