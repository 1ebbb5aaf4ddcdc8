import { Duration, Schema } from "effect"
import { JobRef } from "./JobRef.ts"
import { RepositoryName } from "./RepositoryName.ts"

/** How `""` elects: the highest released semver is all there is so far. */
export const Policy = Schema.TaggedStruct("Semver", {})
export type Policy = typeof Policy.Type

/**
 * Where the image of a repository stands in a job. `tasks` empty: every task that runs this image.
 * `group` undefined: a task name matches in every group, as the predecessor did.
 */
export const Mapping = Schema.Struct({
  job: JobRef,
  group: Schema.UndefinedOr(Schema.String),
  tasks: Schema.Array(Schema.String),
  /** The image's names, `host[:port]/path` without tag, the configured one first, `image_name` second. */
  imageNames: Schema.NonEmptyArray(Schema.String),
  /** `digest` writes `name:tag@sha256:…`; `tag` writes `name:tag` with `force_pull`. */
  imageForm: Schema.Literals(["digest", "tag"])
})
export type Mapping = typeof Mapping.Type

/** One watched repository: everything that `decide` may know of the config. */
export const Watched = Schema.Struct({
  name: RepositoryName,
  /** Key of `[registry_map.NAME]`. */
  registry: Schema.String,
  /** Path in the registry: `prefix/name`, without host. */
  image: Schema.String,
  mapping: Mapping,
  policy: Policy,
  drift: Schema.Literals(["hold", "restore"]),
  batch: Schema.Literals(["hold", "rerun"]),
  mode: Schema.Literals(["act", "plan"]),
  /** Who promotes healthy canaries that Nomad does not promote itself: a person, or we, after `canarySoak`. */
  canary: Schema.Literals(["manual", "healthy"]),
  /** So long all of them have to be healthy, without a restart, on top of the job's `min_healthy_time`. */
  canarySoak: Schema.Duration,
  /** SHA-256 over the registry, image, mapping and policy of this entry: a new one makes the next view its first (S17). */
  fingerprint: Schema.String
})
export type Watched = typeof Watched.Type

/** 20 minutes without a newly healthy allocation: said once as `slow`, followed on. */
export const slowAfter = Duration.minutes(20)
