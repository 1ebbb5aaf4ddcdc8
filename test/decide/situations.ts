import { Duration } from "effect"
import type { Attempt, AttemptId } from "../../src/domain/Attempt.ts"
import type { Desired, Hold } from "../../src/domain/Desired.ts"
import type { Digest } from "../../src/domain/Digest.ts"
import type { History } from "../../src/domain/History.ts"
import type { Observed, ObservedDeployment, ObservedTask, Runs } from "../../src/domain/Observed.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import type { Tag } from "../../src/domain/Tag.ts"
import type { View } from "../../src/domain/View.ts"
import type { Watched } from "../../src/domain/Watched.ts"
import { Ballot } from "../../src/decide/Ballot.ts"
import type { Situation } from "../../src/decide/Situation.ts"
import type { Seen } from "../../src/decide/elect.ts"

/** Plain values to say situations with; every test names only what differs from a quiet repository at v1.1.0. */
export const tag = (text: string) => text as Tag
/** The digest that a letter stands for. */
export const digest = (letter: string) => `sha256:${letter.repeat(64)}` as Digest
export const marker = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}` as AttemptId
export const noon = new Date("2026-01-01T12:00:00Z")
export const minutesAgo = (n: number) => new Date(noon.getTime() - n * 60_000)

export const watched: Watched = {
  name: "api" as RepositoryName,
  registry: "hub",
  image: "team/api",
  mapping: {
    job: { region: "", namespace: "default", job: "api" },
    group: undefined,
    tasks: ["api"],
    imageNames: ["registry.test/team/api"],
    imageForm: "digest"
  },
  policy: { _tag: "Semver" },
  drift: "hold",
  batch: "hold",
  canary: "manual",
  canarySoak: Duration.minutes(1),
  mode: "act",
  fingerprint: "f"
}

export const desired = (change: Partial<Desired> = {}): Desired => ({
  repository: watched.name,
  pinnedTag: "",
  autoDeploy: true,
  hold: null,
  generation: 1,
  requestedGeneration: null,
  requestKind: null,
  requestedBy: null,
  requestTag: null,
  requestDigest: null,
  abandoned: null,
  highWaterMark: tag("v1.1.0"),
  baselineTag: tag("v1.1.0"),
  baselineDigest: digest("b"),
  baselineAt: minutesAgo(60),
  baselineAllAt: null,
  updatedBy: "test",
  updatedAt: minutesAgo(60),
  ...change
})

export const requested = (change: Partial<Desired> = {}): Desired =>
  desired({ generation: 2, requestedGeneration: 2, requestKind: "pin", requestedBy: "ann", ...change })

/** `listed` in any order; digests by letter for the tags that were looked at. */
export const seen = (
  listed: ReadonlyArray<string>,
  digests: Record<string, string> = {},
  change: Partial<View> = {}
): Seen => ({
  view: {
    tags: listed.map(tag),
    digests: new Map(Object.entries(digests).map(([name, letter]) => [tag(name), digest(letter)])),
    takenAt: minutesAgo(1),
    suspect: null,
    gone: new Set(),
    ...change
  },
  ballot: new Ballot(listed.map(tag))
})

export const task = (
  tagName: string | null,
  letter: string | null,
  change: Partial<ObservedTask> = {}
): ObservedTask => ({
  group: "web",
  task: "api",
  image: `registry.test/team/api:${tagName ?? ""}${letter === null ? "" : `@${digest(letter)}`}`,
  tag: tagName === null ? null : tag(tagName),
  digest: letter === null ? null : digest(letter),
  marker: null,
  ...change
})

export const deployment = (
  status: string,
  jobVersion = 3,
  description = `Deployment ${status}`
): ObservedDeployment => ({
  id: "d1",
  status,
  description,
  jobVersion,
  requiresPromotion: false
})

export const runs = (first: ObservedTask, change: Partial<Runs> = {}): Runs => ({
  _tag: "Runs",
  tasks: [first],
  jobType: "service",
  isParent: false,
  version: 3,
  createIndex: 10,
  modifyIndex: 101,
  jobModifyIndex: 100,
  deployment: deployment("successful"),
  ...change
})

export const attempt = (change: Partial<Attempt> = {}): Attempt => ({
  id: marker(1),
  repository: watched.name,
  ...watched.mapping.job,
  generation: 1,
  reason: "new_version",
  requestKind: null,
  requestedBy: null,
  fromTag: tag("v1.0.0"),
  fromDigest: digest("a"),
  toTag: tag("v1.1.0"),
  toDigest: digest("b"),
  imageSent: "registry.test/team/api:v1.1.0",
  baseIndex: 90,
  baseVersion: 2,
  state: "succeeded",
  phase: null,
  submittedAt: minutesAgo(60),
  acceptedAt: minutesAgo(60),
  nomadIndex: 100,
  nomadVersion: 3,
  evalId: null,
  deploymentId: "d1",
  canaries: null,
  canariesSince: null,
  ordered: null,
  orderedBy: null,
  orderedWhy: null,
  orderedDeployment: null,
  orderSentAt: null,
  orderDoneAt: null,
  orderRefused: null,
  words: null,
  jobHash: null,
  blame: null,
  fingerprint: watched.fingerprint,
  createdAt: minutesAgo(60),
  changedAt: minutesAgo(60),
  endedAt: minutesAgo(59),
  ...change
})

export const history = (change: Partial<History> = {}): History => ({
  openAttempt: null,
  rolling: [],
  lastAccepted: null,
  lastRejected: null,
  ran: [tag("v1.1.0")],
  quarantine: [],
  markers: new Map(),
  foreignWritesLastHour: 0,
  readAt: noon,
  ...change
})

/** In sync at v1.1.0, unless the change says otherwise. */
export const situation = (change: Partial<Situation> = {}): Situation => ({
  watched,
  desired: desired(),
  seen: seen(["v1.0.0", "v1.1.0"], { "v1.1.0": "b" }),
  registryFault: null,
  requestFault: null,
  observed: runs(task("v1.1.0", "b")) satisfies Observed,
  history: history(),
  now: noon,
  ...change
})

/** Pinned to a tag that has no order, which ran before as well. */
export const pinnedStable = {
  pinnedTag: tag("stable"),
  baselineTag: tag("stable"),
  highWaterMark: tag("stable")
}
/** v1.2.0 is there to be deployed. */
export const newVersion = { seen: seen(["v1.0.0", "v1.1.0", "v1.2.0"]) }

/** The digest failed: for good, or until then for causes that are not the image's. */
export const quarantineOf = (letter: string, until: Date | null = null) => [
  { digest: digest(letter), why: "failed", until, failures: until === null ? 0 : 1 }
]

export const hold = (until: Date | null): Hold => ({
  by: "ann",
  why: "freeze",
  until,
  resume: "manual",
  left: null
})
