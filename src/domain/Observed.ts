import { Schema } from "effect"
import { AttemptId } from "./Attempt.ts"
import { Digest } from "./Digest.ts"
import { Tag } from "./Tag.ts"

/** One mapped task and the image that the job's spec gives it. */
export const ObservedTask = Schema.Struct({
  group: Schema.String,
  task: Schema.String,
  /** Raw, as in `Config.image`. */
  image: Schema.String,
  /** Null: the reference has none (`name@digest`). An image with neither is `latest`. */
  tag: Schema.NullOr(Tag),
  digest: Schema.NullOr(Digest),
  marker: Schema.NullOr(AttemptId)
})
export type ObservedTask = typeof ObservedTask.Type

/** The job's newest deployment, whoever caused it. */
export const ObservedDeployment = Schema.Struct({
  id: Schema.String,
  /** `running`, `paused`, `successful`, `failed`, `cancelled` … as Nomad spells them. */
  status: Schema.String,
  description: Schema.String,
  jobVersion: Schema.Int,
  requiresPromotion: Schema.Boolean
})
export type ObservedDeployment = typeof ObservedDeployment.Type

export const UnfitReason = Schema.Literals([
  "job_absent",
  "job_stopped",
  "job_child",
  "job_multiregion",
  "task_not_found",
  "image_interpolated",
  "image_malformed",
  "image_foreign"
])
export type UnfitReason = typeof UnfitReason.Type

/** Nomad could not be asked, or did not answer in full. */
export const Unread = Schema.TaggedStruct("Unread", {
  reason: Schema.Literals(["nomad_unreachable", "forbidden"]),
  words: Schema.String
})
export type Unread = typeof Unread.Type

/** The job can not be acted on; a person is needed. */
export const Unfit = Schema.TaggedStruct("Unfit", {
  reason: UnfitReason,
  words: Schema.String,
  /** Nomad's `ModifyIndex`; 0 where there is no job. */
  modifyIndex: Schema.Int
})
export type Unfit = typeof Unfit.Type

/** What the job's spec says runs. Indexes are Nomad's (Raft). */
export const Runs = Schema.TaggedStruct("Runs", {
  /** In the order of the job; one at least. */
  tasks: Schema.NonEmptyArray(ObservedTask),
  jobType: Schema.String,
  /** Periodic or parameterized: a parent that never runs itself. */
  isParent: Schema.Boolean,
  version: Schema.Int,
  createIndex: Schema.Int,
  modifyIndex: Schema.Int,
  jobModifyIndex: Schema.Int,
  /** Null where the job never had one. */
  deployment: Schema.NullOr(ObservedDeployment)
})
export type Runs = typeof Runs.Type

export const Observed = Schema.Union([Unread, Unfit, Runs])
export type Observed = typeof Observed.Type

const tasksOf = (observed: Observed | null): ReadonlyArray<ObservedTask> =>
  observed?._tag === "Runs" ? observed.tasks : []

/** The tags of the mapped tasks, in the order of the job; none where it can not be read. */
export const tagsOf = (observed: Observed | null): ReadonlyArray<Tag> =>
  tasksOf(observed).flatMap(({ tag }) => (tag === null ? [] : [tag]))

/** The attempts' ids that the mapped tasks carry. */
export const markersOf = (observed: Observed): ReadonlyArray<AttemptId> =>
  tasksOf(observed).flatMap(({ marker }) => (marker === null ? [] : [marker]))

/** Nomad's names of a deployment that holds the job, Enterprise's among them. */
export const isActiveStatus = (status: string): boolean =>
  ["running", "paused", "pending", "initializing", "blocked", "unblocking"].includes(status)

/** True while a deployment holds the job (S16). */
export const isRolling = ({ deployment }: Runs): boolean =>
  deployment !== null && isActiveStatus(deployment.status)
