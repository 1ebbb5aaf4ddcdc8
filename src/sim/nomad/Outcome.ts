import { Schema } from "effect"
import type { JsonObject } from "./Json.ts"
import { PullReason } from "./pullWords.ts"

/** One task that is about to be placed or started. */
export interface Start {
  /** A placement is asked for by the scheduler (only `Unplaceable` means anything then), a start by the client. */
  readonly asks: "placement" | "start"
  readonly namespace: string
  readonly job: string
  readonly version: number
  readonly group: string
  readonly task: string
  readonly driver: string
  readonly config: JsonObject
  /** `Config.image`, or `""`. */
  readonly image: string
  /** Whether the job is a batch job. */
  readonly batch: boolean
  /** How often this task of this allocation was restarted before. */
  readonly restarts: number
}

const millis = Schema.optionalKey(Schema.Number)
const text = Schema.optionalKey(Schema.String)
/** `after`: milliseconds until it starts (50); the texts are what each start writes into the task's logs. */
const runs = { after: millis, stdout: text, stderr: text }

/** What becomes of one start of a task. Times are milliseconds from the start. */
export const Outcome = Schema.TaggedUnion({
  /** Runs and stays well. */
  Healthy: runs,
  /**
   * The image cannot be pulled: for this reason, `manifest unknown` where not said, or in these words of the
   * driver, whole. Retried by the restart policy.
   */
  PullFails: { reason: Schema.optionalKey(PullReason), words: text, after: millis },
  /** The driver cannot start it, in these words: a command that is not there, an image that is no reference. */
  StartFails: { words: Schema.String, isRecoverable: Schema.optionalKey(Schema.Boolean), after: millis },
  /** Starts, runs for `runs` milliseconds (3), then exits with `code`. */
  Exits: { code: Schema.Int, ...runs, runs: millis },
  /** Starts, runs for `runs` milliseconds (3), then is killed for the memory it took. */
  OutOfMemory: { ...runs, runs: millis },
  /** Runs, but its health check never passes. */
  NeverHealthy: runs,
  /** No node has room for its group: this is exhausted (`memory` where not said), or this constraint filters. */
  Unplaceable: { exhausted: Schema.optionalKey(Schema.Literals(["memory", "cpu"])), constraint: text }
})
export type Outcome = typeof Outcome.Type

/** Pure, or counting what it was asked for as `start`: the scheduler asks anew at each look. */
export type OutcomeOf = (start: Start) => Outcome

/** Tag of an image reference, `""` where it has none. */
export const tagOf = (image: string): string => {
  const name = image.split("@", 1)[0] ?? ""
  const last = name.slice(name.lastIndexOf("/") + 1)
  const colon = last.indexOf(":")
  return colon === -1 ? "" : last.slice(colon + 1)
}

/**
 * The outcome that the simulator has by itself, by words in the image's tag: `bad` never gets healthy, `crash`
 * exits with 1 and a line on stderr, `outofmemory` is killed for its memory, `nopull` is not in the registry,
 * `noregistry` cannot be pulled because the registry fails, `noroom` cannot be placed, `slow` takes 30 seconds
 * to start. The command `/bin/false` exits with 1, `/bin/true` with 0. Everything else starts and stays healthy;
 * a batch job ends well.
 */
export const byTag: OutcomeOf = ({ image, config, batch }) => {
  const tag = tagOf(image)
  if (tag.includes("bad")) return { _tag: "NeverHealthy" }
  if (tag.includes("crash")) return { _tag: "Exits", code: 1, stderr: "panic: no database\n" }
  if (tag.includes("outofmemory")) return { _tag: "OutOfMemory" }
  if (tag.includes("nopull")) return { _tag: "PullFails" }
  if (tag.includes("noregistry")) return { _tag: "PullFails", reason: "server error" }
  if (tag.includes("noroom")) return { _tag: "Unplaceable" }
  if (tag.includes("slow")) return { _tag: "Healthy", after: 30_000 }
  if (config["command"] === "/bin/false") return { _tag: "Exits", code: 1 }
  if (config["command"] === "/bin/true" || batch) return { _tag: "Exits", code: 0 }
  return { _tag: "Healthy" }
}

/** The first entry whose pattern the image matches; `byTag` where none does. */
export const byImage =
  (table: ReadonlyArray<readonly [pattern: RegExp, outcome: Outcome]>): OutcomeOf =>
  (start) =>
    table.find(([pattern]) => pattern.test(start.image))?.[1] ?? byTag(start)
