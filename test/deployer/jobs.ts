import { readFileSync } from "node:fs"
import { AttemptId } from "../../src/domain/Attempt.ts"
import { Digest } from "../../src/domain/Digest.ts"
import { Tag } from "../../src/domain/Tag.ts"
import type { Target } from "../../src/domain/Target.ts"
import type { Mapping } from "../../src/domain/Watched.ts"

export type Json = Readonly<Record<string, unknown>>

/** What a real agent answered (`test/fixtures/nomad`, named as in its README). */
export const recording = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/nomad/${name}.json`, import.meta.url), "utf8"))

export const digestA = Digest.make(`sha256:${"a".repeat(64)}`)
export const digestB = Digest.make(`sha256:${"b".repeat(64)}`)
export const target: Target = { tag: Tag.make("1.2.4"), digest: digestB }
export const attemptA = AttemptId.make("11111111-1111-4111-8111-111111111111")
export const attemptB = AttemptId.make("22222222-2222-4222-8222-222222222222")

export const image = "registry.example.com:5000/team/api"

const stable = recording("job-stable") as Json & { readonly TaskGroups: ReadonlyArray<Json> }
const recordedGroup = stable.TaskGroups[0] as Json & { readonly Tasks: ReadonlyArray<Json> }
const recordedTask = recordedGroup.Tasks[0]

/** The recorded task as one of the docker driver. */
export const task = (name: string, config: Json, rest: Json = {}): Json => ({
  ...recordedTask,
  Name: name,
  Driver: "docker",
  Config: config,
  ...rest
})
export const group = (name: string, tasks: ReadonlyArray<Json>, rest: Json = {}): Json => ({
  ...recordedGroup,
  Name: name,
  Tasks: tasks,
  ...rest
})
/** The recorded job `ca-web`, index 1171 to 1178, with other groups. */
export const job = (groups: ReadonlyArray<Json>, rest: Json = {}): Json => ({
  ...stable,
  TaskGroups: groups,
  ...rest
})

export const web = job([group("g", [task("t", { image: `${image}:1.2.3` })])])

export const mapping = (rest: Partial<Mapping> = {}): Mapping => ({
  job: { region: "", namespace: "default", job: "ca-web" },
  group: undefined,
  tasks: ["t"],
  imageNames: [image],
  imageForm: "digest",
  ...rest
})
