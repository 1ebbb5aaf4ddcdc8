import { Console, Effect } from "effect"
import type { Config } from "../config/Config.ts"
import type { Decision } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import type { Observed } from "../domain/Observed.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { StateStore } from "../store/StateStore.ts"
import { foresee, type Foreseen } from "./foresee.ts"
import { printTable } from "./printTable.ts"
import { Refused } from "./Refused.ts"

/** One repository, for people and, with `--json`, for programs. */
interface Line {
  readonly repository: RepositoryName
  /** The images' tags, `-` where the job can not be read. */
  readonly runs: string
  /** `tag@sha256:…`; null: nothing. */
  readonly deploys: string | null
  /** The decision's own word: `new_version`, `in_sync`, `held` … */
  readonly reason: string
  readonly words: string
}

const atOnce = 8
const toldEvery = 100

/**
 * Prints what `start` in mode `act` would do with each repository now, and why. Registers nothing and opens no request;
 * the rows that `start` would make are made. `Refused` (exit 1) where registry or Nomad left one untold.
 */
export const plan = Effect.fn("plan")(function* ({ watched }: Config, asJson: boolean) {
  const store = yield* StateStore
  yield* store.adopt(watched)
  let looked = 0
  const lines = yield* Effect.forEach(
    watched,
    (entry) =>
      Effect.map(foresee(entry), (foreseen) => toLine(entry.name, foreseen)).pipe(
        Effect.tap(() =>
          ++looked % toldEvery === 0 ? Console.error(`${looked} of ${watched.length} looked at`) : Effect.void
        )
      ),
    { concurrency: atOnce }
  )
  if (asJson) yield* Console.log(JSON.stringify(lines, null, 2))
  else {
    yield* printTable([
      ["REPOSITORY", "RUNS", "WOULD DEPLOY", "WHY"],
      ...lines.map(({ repository, runs, deploys, words }) => [
        repository,
        runs,
        deploys === null ? "-" : shortened(deploys),
        words
      ])
    ])
  }
  const untold = lines.filter(({ reason }) => untoldReasons.has(reason)).length
  if (untold > 0) return yield* new Refused({ message: `${untold} of ${lines.length} could not be told` })
})

const untoldReasons: ReadonlySet<string> = new Set([
  "nomad_unreachable",
  "forbidden",
  "registry_unreachable",
  "not_viewed_yet"
])

const toLine = (repository: RepositoryName, { desired, observed, decision }: Foreseen): Line => {
  const deploys = decision._tag === "Deploy" ? `${decision.tag}@${decision.digest ?? ""}` : null
  return { repository, runs: describeRuns(observed), deploys, ...why(decision, desired) }
}

/** Each tag once: tasks of one image differ only where somebody left off half-way. */
const describeRuns = (observed: Observed): string =>
  observed._tag === "Runs"
    ? [...new Set(observed.tasks.map(({ tag, image }) => tag ?? image))].join(" ")
    : "-"

const deployed = {
  requested: "a person asked for it",
  new_version: "a higher version",
  digest_changed: "the tag has another digest",
  drift: "somebody else changed the image"
} as const

const why = (decision: Decision, { pinnedTag }: Desired): Pick<Line, "reason" | "words"> => {
  switch (decision._tag) {
    case "Deploy":
      // A pin that the job has not is no higher version.
      return {
        reason: decision.reason,
        words:
          decision.reason === "new_version" && pinnedTag !== "" ? "it is pinned" : deployed[decision.reason]
      }
    case "InSync":
      return { reason: "in_sync", words: "in sync" }
    case "Follow":
      return { reason: "following", words: decision.words === "" ? "a rollout is under way" : decision.words }
    case "Settle":
      return { reason: "settling", words: `attempt ${decision.attempt} is not settled yet` }
    case "Wait":
    case "Stall":
      return { reason: decision.reason, words: decision.words }
  }
}

// A line has an end; the whole digest is in the JSON.
const shortened = (deploys: string): string => deploys.replace(/(sha256:[0-9a-f]{12})[0-9a-f]+$/, "$1")
