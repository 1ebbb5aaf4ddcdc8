import type { JsonObject } from "./Json.ts"

/** One task that is about to be started. */
export interface Start {
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
}

/** What becomes of one start of a task. Times are milliseconds from the start. */
export type Outcome =
  /** Runs and stays well; `after` 50 where not said. */
  | { readonly _tag: "Healthy"; readonly after?: number }
  /** The image cannot be pulled; `words` as the driver reports them. Retried by the restart policy. */
  | { readonly _tag: "PullFails"; readonly words?: string; readonly after?: number }
  /** Starts, then exits with `code`. */
  | { readonly _tag: "Exits"; readonly code: number; readonly after?: number; readonly runs?: number }
  /** Runs, but its health check never passes. */
  | { readonly _tag: "NeverHealthy"; readonly after?: number }

export type OutcomeOf = (start: Start) => Outcome

/** Tag of an image reference, `""` where it has none. */
export const tagOf = (image: string): string => {
  const name = image.split("@", 1)[0] ?? ""
  const last = name.slice(name.lastIndexOf("/") + 1)
  const colon = last.indexOf(":")
  return colon === -1 ? "" : last.slice(colon + 1)
}

/**
 * The outcome that the simulator has by itself, by words in the image's tag: `bad` never gets healthy,
 * `crash` exits with 1, `nopull` cannot be pulled, `slow` takes 30 seconds to start. The command
 * `/bin/false` exits with 1, `/bin/true` with 0. Everything else starts and stays healthy; a batch job ends well.
 */
export const byTag: OutcomeOf = ({ image, config, batch }) => {
  const tag = tagOf(image)
  if (tag.includes("bad")) return { _tag: "NeverHealthy" }
  if (tag.includes("crash")) return { _tag: "Exits", code: 1 }
  if (tag.includes("nopull")) return { _tag: "PullFails" }
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
