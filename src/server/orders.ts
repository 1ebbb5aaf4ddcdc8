import { Effect } from "effect"
import type { TagChange } from "../api/Classic.ts"
import type { Election } from "../decide/elect.ts"
import { isAboveAll } from "../decide/target.ts"
import { describeDoubt, describeSuspect } from "../decide/suspicion.ts"
import { isOpen, isStuck } from "../domain/Attempt.ts"
import type { Desired } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { RequestKind } from "../domain/RequestKind.ts"
import type { Tag } from "../domain/Tag.ts"
import type { Doubt } from "../domain/View.ts"
import type { Watched } from "../domain/Watched.ts"
import { StateStore } from "../store/StateStore.ts"
import { electFrom, type Entry, readEntry } from "./Catalogue.ts"
import { changeDesired } from "./changeDesired.ts"
import type { Expected } from "./expected.ts"
import type { Limits } from "./limits.ts"
import { orUnavailable } from "./orUnavailable.ts"
import { tagExists } from "./tagExists.ts"
import { whenDeployed } from "./whenDeployed.ts"

/** What was committed, and what happens now, in a sentence for people. */
export interface Ordered {
  readonly message: string
  readonly desired: Desired
}

/**
 * What a person wants of one repository: `pinned_tag` and `auto_deploy`, both or either, in one transaction. All is
 * checked before anything is written.
 */
export const setTag = Effect.fn("setTag")(function* (
  watched: Watched,
  wanted: TagChange,
  { tagWithin }: Limits,
  expected: Expected
) {
  const { pinned_tag: pinnedTag, auto_deploy: autoDeploy } = wanted
  const entry = yield* readEntry(watched.name)
  const switched = autoDeploy === undefined ? {} : { autoDeploy }
  if (pinnedTag === undefined) {
    const desired = yield* changeDesired(watched, switched, expected)
    const message = `auto_deploy of ${watched.name} is ${describeSwitch(watched, desired)}`
    return { message, desired } satisfies Ordered
  }
  if (pinnedTag === "") {
    const election = electFrom(entry, "", true)
    const request = asks(watched, "pin", awaitsDeployment(election))
    const desired = yield* changeDesired(watched, { ...switched, pinnedTag, ...request }, expected)
    const follows = describeElection(watched, entry, election, desired)
    const message = `${watched.name} follows versions: ${follows}${alsoSwitched(wanted, desired)}`
    return { message, desired } satisfies Ordered
  }
  const { digest, isSilent } = yield* tagExists(watched, pinnedTag, entry.view, tagWithin)
  const underWay = yield* rolloutOf(watched.name, pinnedTag, digest)
  const desired = yield* changeDesired(
    watched,
    {
      ...switched,
      pinnedTag,
      ...(digest !== null && { lift: digest }),
      ...asks(watched, "pin", true),
      requestTag: pinnedTag,
      requestDigest: digest
    },
    expected
  )
  const what =
    underWay === "joins"
      ? `it is being deployed already, and not once more${describeHold(desired)}`
      : describeDeployment("it", watched, desired, whenDeployed(entry, isSilent), underWay)
  const message = `${watched.name} is pinned to ${pinnedTag}: ${what}${alsoSwitched(wanted, desired)}`
  return { message, desired } satisfies Ordered
})

/** Back to versions and to automatic moves; deploys the elected tag unless it runs already. */
export const reset = Effect.fn("reset")(function* (watched: Watched, expected: Expected) {
  const entry = yield* readEntry(watched.name)
  const election = electFrom(entry, "", true)
  const running = election._tag === "Elected" && runsAlready(entry, election.tag)
  const doubt = listedAnyhow(watched, entry)
  const request = asks(watched, "reset", doubt !== null || (awaitsDeployment(election) && !running))
  const trust = doubt === null ? {} : { trust: doubt.since }
  const change = { pinnedTag: "", autoDeploy: true, ...request, ...trust } as const
  const desired = yield* changeDesired(watched, change, expected)
  const what =
    doubt !== null
      ? `${describeDoubt(doubt)}; the highest version that is listed all the same is deployed ${whenDeployed(entry)}`
      : running
        ? `the job has ${election.tag} already${entry.desired.pinnedTag === "" ? "" : ", and what was pushed above it meanwhile comes after it"}`
        : describeElection(watched, entry, election, desired)
  const message = `${watched.name} follows versions, with auto_deploy on: ${what}`
  return { message, desired } satisfies Ordered
})

/** A suspect listing that a reset goes by, since its message says what is missing (S9); where it has nothing, none. */
const listedAnyhow = ({ mode }: Watched, { view }: Entry): Doubt | null => {
  const doubt = mode === "act" ? (view?.doubt ?? null) : null
  return doubt === null || doubt.listed === 0 ? null : doubt
}

/** In mode `plan` nobody's request is opened (`design.md` §9). */
const asks = ({ mode }: Watched, request: RequestKind, isNeeded: boolean) =>
  mode === "act" && isNeeded ? { request } : {}

/**
 * How a request for this target meets the attempt at it that is under way: it makes no second one, unless that one is
 * stuck (`design.md` §4). Null: there is none.
 */
const rolloutOf = Effect.fnUntraced(function* (repository: RepositoryName, tag: Tag, digest: Digest | null) {
  const store = yield* StateStore
  const [latest] = yield* orUnavailable(store.attempts(repository, 1))
  if (latest === undefined || latest.toTag !== tag || latest.toDigest !== digest) return null
  if (isOpen(latest)) return "joins"
  if (latest.state !== "accepted") return null
  return isStuck(latest.phase) ? latest.phase : "joins"
})

export const isDeploying = (repository: RepositoryName, tag: Tag, digest: Digest | null) =>
  Effect.map(rolloutOf(repository, tag, digest), (underWay) => underWay === "joins")

const runsAlready = ({ observed }: Entry, tag: Tag): boolean =>
  observed?._tag === "Runs" && observed.tasks.every((task) => task.tag === tag)

/** Rule 7, of a listing that the order does not go by. */
const isDoubtful = ({ view, desired, observed }: Entry, tag: Tag): boolean =>
  view?.suspect != null &&
  observed?._tag === "Runs" &&
  !observed.tasks.every((task) => task.tag === tag) &&
  !isAboveAll({ desired, observed }, tag)

/** Where no listing was taken yet, as under a pin, the request waits for it. */
const awaitsDeployment = ({ _tag }: Election): boolean => _tag === "Elected" || _tag === "NotViewed"

const planned = 'stored only: in mode "plan" nothing is deployed'

/** `entry`: as it was before the order. Under its pin nothing was listed. */
const describeElection = (watched: Watched, entry: Entry, election: Election, desired: Desired): string => {
  const { view } = entry
  switch (election._tag) {
    case "Elected":
      if (watched.mode === "act" && view !== null && isDoubtful(entry, election.tag)) {
        return `nothing is deployed yet: ${describeSuspect(view)}`
      }
      return describeDeployment(
        entry.desired.pinnedTag === ""
          ? election.tag
          : `${election.tag}, or what was pushed above it meanwhile,`,
        watched,
        desired,
        whenDeployed(entry)
      )
    case "NotViewed":
      return watched.mode === "plan"
        ? planned
        : "the highest one is deployed as soon as the registry was listed"
    case "Nothing":
    case "NotFollowing":
      return `nothing is deployed: ${election.words}`
  }
}

const stuck = { slow: "is slow", unplaceable: "cannot be placed" }

/** `when`: see `whenDeployed`; `replaced`: the phase of an attempt at the same target that is stuck. */
export const describeDeployment = (
  what: string,
  { mode }: Watched,
  desired: Desired,
  when: string,
  replaced: keyof typeof stuck | null = null
): string => {
  if (mode === "plan") return planned
  const before = replaced === null ? "" : `, in place of its rollout that ${stuck[replaced]}`
  const although = desired.autoDeploy ? "" : ", although auto_deploy is off"
  return `${what} is deployed ${when}${before}${although}${describeHold(desired)}`
}

const describeHold = ({ hold }: Desired): string =>
  hold === null ? "" : `; the hold of ${hold.by} stays, for automatic moves`

const describeSwitch = ({ mode }: Watched, { autoDeploy, hold }: Desired): string => {
  if (mode === "plan") return `${autoDeploy ? "on" : "off"}; ${planned}`
  if (!autoDeploy) return "off: nothing is deployed but what a person asks for"
  return hold === null ? "on" : `on, and the hold of ${hold.by} still stops automatic moves`
}

const alsoSwitched = ({ auto_deploy }: TagChange, desired: Desired): string =>
  auto_deploy === undefined ? "" : `; auto_deploy is ${desired.autoDeploy ? "on" : "off"}`
