import { Data, Effect } from "effect"
import { parseArgs } from "node:util"

export interface DemoOptions {
  /** Without pauses to read in. */
  readonly isFast: boolean
  /** One JSON object an event instead of pictures and sentences. */
  readonly isJson: boolean
  /** Goes on after the last step, until a signal. */
  readonly stays: boolean
}

/** What is wrong with the arguments. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

export const help = `npm run demo -- [--fast [--stay]] [--json]

Registrywatcher at work, on this machine alone: a registry and a Nomad cluster in memory, a Postgres of its
own, and two instances of the real controller. At the end it stays, to play with; Ctrl-C ends all of it.

  --fast   no pauses to read in, and it ends after the last step
  --stay   with --fast: it stays all the same
  --json   one object an event, a line each: {"step": ..., ...}; npm's own first lines go with npm run -s

Exit codes: 0 every step happened; 1 one did not, and stderr says why; 130 stopped by a signal before the end.
`

const options = {
  fast: { type: "boolean" },
  stay: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" }
} as const

/** The arguments of `npm run demo`; `"help"` where that was asked for. */
export const demoOptions = (args: ReadonlyArray<string>): Effect.Effect<DemoOptions | "help", UsageError> =>
  Effect.map(
    Effect.try({
      try: () => parseArgs({ args: [...args], options, allowPositionals: false }).values,
      catch: (cause) => new UsageError({ message: cause instanceof Error ? cause.message : String(cause) })
    }),
    ({ fast = false, stay = false, json = false, help: isHelp = false }) =>
      isHelp ? "help" : { isFast: fast, isJson: json, stays: stay || !fast }
  )
