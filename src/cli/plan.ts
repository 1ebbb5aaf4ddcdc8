import { Console, Effect } from "effect"
import type { Config } from "../config/Config.ts"
import type { Decision, Deploy } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import type { JobPlan } from "../domain/JobPlan.ts"
import type { Observed } from "../domain/Observed.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { second } from "../domain/second.ts"
import type { Watched } from "../domain/Watched.ts"
import { foresee, type Foreseen } from "../foresee/foresee.ts"
import { planOf, type WouldRegister } from "../foresee/planOf.ts"
import { StateStore } from "../store/StateStore.ts"
import { type Basis, weighAmongAll } from "../foresee/weighAmongAll.ts"
import { printDiff } from "./printDiff.ts"
import { printTable } from "./printTable.ts"
import { Refused } from "./Refused.ts"

/** One repository, for people and, with `--json`, for programs. */
interface Line {
  readonly repository: RepositoryName
  /** The images' tags, `-` where the job can not be read. */
  readonly runs: string
  /** `tag@sha256:…`; null: nothing. */
  readonly deploys: string | null
  /** The same of what waits, as far as it is known; null: nothing. */
  readonly waits: string | null
  /** The decision's own word: `new_version`, `in_sync`, `held` … */
  readonly reason: string
  readonly words: string
  /** With `--diff`, Nomad's plan of what is or waits to be deployed. */
  readonly nomad: JobPlan | { readonly refused: string } | { readonly fault: string } | null
}

const atOnce = 8
const toldEvery = 100

/** What is told, and how; `diff`: with Nomad's own plan of each register. */
export interface PlanOptions {
  readonly diff: boolean
  readonly json: boolean
  /** Of the terminal; 0 where there is none. */
  readonly columns: number
}

/** `foresee` that tells on stderr how far it is. */
const counted = (progress: string) => {
  let looked = 0
  return (one: Watched) =>
    Effect.tap(foresee(one), () =>
      ++looked % toldEvery === 0 ? Console.error(`${looked} ${progress}`) : Effect.void
    )
}

/**
 * Prints what `start` in mode `act` would do with each of these repositories now, and why. Registers nothing and opens
 * no request; the rows that `start` would make are made. `Refused` (exit 1) where registry or Nomad left one untold.
 */
export const plan = Effect.fn("plan")(function* (
  { watched, brake, pollInterval }: Pick<Config, "watched" | "brake" | "pollInterval">,
  named: ReadonlyArray<Watched>,
  { diff, json, columns }: PlanOptions
) {
  const store = yield* StateStore
  yield* store.adopt(watched)
  const alone = yield* Effect.forEach(named, counted(`of ${named.length} looked at`), {
    concurrency: atOnce
  })
  const { foreseen, basis } = yield* weighAmongAll(
    alone,
    { watched, brake, pollInterval },
    counted("others looked at, for the brake")
  )
  const planned = yield* Effect.forEach(
    foreseen,
    (each) => Effect.map(diff ? planOf(each) : Effect.succeed(null), (would) => ({ ...each, would })),
    { concurrency: atOnce }
  )
  const lines = planned.map(toLine)
  if (json) {
    yield* Console.log(JSON.stringify(lines, null, 2))
  } else {
    yield* printTable(
      [
        ["REPOSITORY", "RUNS", "WOULD DEPLOY", "WHY"],
        ...lines.map(({ repository, runs, deploys, words }) => [
          repository,
          runs,
          deploys === null ? "-" : shortened(deploys),
          words
        ])
      ],
      columns
    )
    yield* Effect.forEach(planned, printDiff, { discard: true })
  }
  if (basis !== null) yield* Console.error(describeBasis(basis))
  const untold = planned.filter(isUntold).length
  if (untold > 0) return yield* new Refused({ message: `${untold} of ${lines.length} could not be told` })
})

/** What the answer owes to those that were not asked for. */
const describeBasis = ({ recalled, looked }: NonNullable<Basis>): string => {
  const parts = [
    ...(recalled === 0 ? [] : [`${recalled} as the controller decided last`]),
    ...(looked === 0 ? [] : [`${looked} that no controller decided lately, looked at now`])
  ]
  return `the brake is weighed over all that are watched; the others: ${parts.join(", ")}`
}

const untoldReasons: ReadonlySet<string> = new Set([
  "nomad_unreachable",
  "forbidden",
  "registry_unreachable",
  "not_viewed_yet"
])

const isUntold = ({ registryFault, decision, would }: Planned): boolean =>
  registryFault !== null ||
  would?.outcome._tag === "Untold" ||
  (decision._tag === "Wait" && untoldReasons.has(decision.reason))

type Planned = Foreseen & { readonly would: WouldRegister | null }

const toLine = ({ watched, desired, observed, decision, would, registryFault, viewedAt }: Planned): Line => {
  const waits = decision._tag === "Wait" || decision._tag === "Stall" ? decision.would : null
  const { reason, words } = why(decision, desired)
  const isSaid = registryFault === null || words.includes(registryFault)
  const waiting = waits === null || words.includes(waits.tag) ? "" : `; ${waits.tag} waits`
  const listing = viewedAt === null ? "no listing" : `the listing of ${second(viewedAt)}`
  return {
    repository: watched.name,
    runs: describeRuns(observed),
    deploys: decision._tag === "Deploy" ? printed(decision) : null,
    waits: waits === null ? null : printed(waits),
    reason,
    words: `${isSaid ? words : `${words}, by ${listing}: ${registryFault}`}${waiting}`,
    nomad: nomadOf(would)
  }
}

const printed = ({ tag, digest }: Pick<Deploy, "tag" | "digest">): string =>
  digest === null ? tag : `${tag}@${digest}`

const nomadOf = (would: WouldRegister | null): Line["nomad"] => {
  if (would === null) return null
  switch (would.outcome._tag) {
    case "Planned":
      return would.outcome.plan
    case "Refused":
      return { refused: would.outcome.words }
    case "Untold":
      return { fault: would.outcome.words }
  }
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
