import { Data, Effect } from "effect"
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { isObject, type JsonObject, parseJson } from "./nomad/Json.ts"

export interface Address {
  readonly host: string
  readonly port: number
}

export interface SimulateOptions {
  readonly nomad: Address | undefined
  readonly registry: Address | undefined
  readonly namespaces: ReadonlyArray<string>
  /** Of the server; the newest that the simulator knows where not said. */
  readonly version: string | undefined
  /** The secret of a management token; ACLs are off where not said. */
  readonly token: string | undefined
  readonly jobs: ReadonlyArray<{ readonly file: string; readonly job: JsonObject }>
}

/** What is wrong with the arguments, or with a file or address that they name. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

const usage = (message: string) => Effect.fail(new UsageError({ message }))
const wordsOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const options = {
  nomad: { type: "string" },
  registry: { type: "string" },
  job: { type: "string", multiple: true },
  namespace: { type: "string", multiple: true },
  "nomad-version": { type: "string" },
  "nomad-token": { type: "string" },
  help: { type: "boolean", short: "h" }
} as const

/** The arguments of `npm run simulate`, their job files read; `"help"` where that was asked for. */
export const simulateOptions = (
  args: ReadonlyArray<string>
): Effect.Effect<SimulateOptions | "help", UsageError> =>
  Effect.gen(function* () {
    const { values } = yield* Effect.try({
      try: () => parseArgs({ args: [...args], options, allowPositionals: false }),
      catch: (cause) => new UsageError({ message: wordsOf(cause) })
    })
    if (values.help === true) return "help"
    if (values.nomad === undefined && values.registry === undefined) {
      return yield* usage("--nomad HOST:PORT, --registry HOST:PORT or both are needed; --help says more")
    }
    for (const name of ["job", "nomad-version", "nomad-token"] as const) {
      if (values[name] !== undefined && values.nomad === undefined)
        return yield* usage(`--${name} needs --nomad`)
    }
    return {
      nomad: values.nomad === undefined ? undefined : yield* addressOf(values.nomad),
      registry: values.registry === undefined ? undefined : yield* addressOf(values.registry),
      namespaces: values.namespace ?? [],
      version: values["nomad-version"],
      token: values["nomad-token"],
      jobs: yield* Effect.forEach(values.job ?? [], jobIn)
    }
  })

const addressOf = (text: string): Effect.Effect<Address, UsageError> => {
  const [, host, port] = /^(?:http:\/\/)?(\[[0-9a-fA-F:]+\]|[^:/[\]]+):(\d{1,5})\/?$/.exec(text) ?? []
  return host === undefined || Number(port) > 65_535
    ? usage(`${text} is no HOST:PORT`)
    : Effect.succeed({ host: host.replace(/^\[|\]$/g, ""), port: Number(port) })
}

const jobIn = (file: string) =>
  Effect.gen(function* () {
    const value = yield* Effect.try({
      try: () => parseJson(readFileSync(file, "utf8")),
      catch: (cause) => new UsageError({ message: `${file}: ${wordsOf(cause)}` })
    })
    if (!isObject(value)) return yield* usage(`${file}: a JSON object is needed`)
    return { file, job: isObject(value["Job"]) ? value["Job"] : value }
  })
