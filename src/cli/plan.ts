import { Console, Effect } from "effect"
import type { Config } from "../config/Config.ts"
import { areMany } from "../decide/brake.ts"
import type { Decision } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import type { JobPlan } from "../domain/JobPlan.ts"
import type { Observed } from "../domain/Observed.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { foresee, type Foreseen } from "../foresee/foresee.ts"
import { planOf, type WouldRegister } from "../foresee/planOf.ts"
import { StateStore } from "../store/StateStore.ts"
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
  /** The decision's own word: `new_version`, `in_sync`, `held` … */
  readonly reason: string
  readonly words: string
  /** With `--diff`, Nomad's plan of what is or waits to be deployed. */
  readonly nomad: JobPlan | { readonly refused: string } | { readonly fault: string } | null
}

const atOnce = 8
const toldEvery = 100

/** What is told, and how; `diff`: with Nomad's own plan of each register; `repositories` empty: of all. */
export interface PlanOptions {
  readonly repositories: ReadonlyArray<string>
  readonly diff: boolean
  readonly json: boolean
}

/**
 * Prints what `start` in mode `act` would do with each repository now, and why. Registers nothing and opens no request;
 * the rows that `start` would make are made. `Refused` (exit 1) where registry or Nomad left one untold.
 */
export const plan = Effect.fn("plan")(function* (
  { watched: all, brake: limit }: Config,
  { repositories, diff, json }: PlanOptions
) {
  const unknown = repositories.filter((named) => !all.some(({ name }) => name === named))
  if (unknown.length > 0) {
    return yield* new Refused({ message: `not in watched_repositories: ${unknown.join(", ")}` })
  }
  const watched = repositories.length === 0 ? all : all.filter(({ name }) => repositories.includes(name))
  const store = yield* StateStore
  yield* store.adopt(all)
  let looked = 0
  const foreseen = yield* Effect.forEach(
    watched,
    (entry) =>
      Effect.gen(function* () {
        const each = yield* foresee(entry)
        return { name: entry.name, ...each, would: diff ? yield* planOf(entry, each) : null }
      }).pipe(
        Effect.tap(() =>
          ++looked % toldEvery === 0 ? Console.error(`${looked} of ${watched.length} looked at`) : Effect.void
        )
      ),
    { concurrency: atOnce }
  )
  const last = yield* store.brake
  const moves = foreseen.filter(({ isExplained }) => !isExplained).length
  const isBraked = (last !== null && last.releasedAt === null) || areMany(moves, all.length, limit)
  const lines = foreseen.map((each) => toLine(each, isBraked && !each.isExplained))
  if (json) {
    yield* Console.log(JSON.stringify(lines, null, 2))
  } else {
    yield* printTable([
      ["REPOSITORY", "RUNS", "WOULD DEPLOY", "WHY"],
      ...lines.map(({ repository, runs, deploys, words }) => [
        repository,
        runs,
        deploys === null ? "-" : shortened(deploys),
        words
      ])
    ])
    yield* Effect.forEach(foreseen, printDiff, { discard: true })
  }
  const untold = lines.filter(({ reason, nomad }) => untoldReasons.has(reason) || isUntold(nomad)).length
  if (untold > 0) return yield* new Refused({ message: `${untold} of ${lines.length} could not be told` })
})

const untoldReasons: ReadonlySet<string> = new Set([
  "nomad_unreachable",
  "forbidden",
  "registry_unreachable",
  "not_viewed_yet"
])
const isUntold = (nomad: Line["nomad"]): boolean => nomad !== null && "fault" in nomad

const braked =
  "the brake would pause it, with the others that no push explains: release the brake if they are meant"

const toLine = (
  {
    name,
    desired,
    observed,
    decision,
    would
  }: Foreseen & { readonly name: RepositoryName; readonly would: WouldRegister | null },
  isBraked: boolean
): Line => {
  const deploys = decision._tag === "Deploy" && !isBraked ? `${decision.tag}@${decision.digest ?? ""}` : null
  const told = isBraked ? { reason: "brake", words: braked } : why(decision, desired)
  return { repository: name, runs: describeRuns(observed), deploys, ...told, nomad: nomadOf(would) }
}

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
