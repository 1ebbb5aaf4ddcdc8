import { until } from "../until.ts"
import { badTags } from "../World.ts"
import type { Stage } from "./Stage.ts"

/** A change on its way to the job; what is struck is its first register after `prepare`. */
export interface Story {
  readonly name: string
  readonly keys?: string
  readonly worker?: boolean
  /** A person speaks to an instance that does not lead. */
  readonly needsStandby?: boolean
  /** The instances start as the change: they have seen nothing before. */
  readonly isFirstSight?: boolean
  /** What is there before any instance is. */
  readonly before: (stage: Stage) => Promise<void>
  /** What happens before the change. */
  readonly prepare?: (stage: Stage) => Promise<void>
  /** The change; answered once it is given. */
  readonly act: (stage: Stage) => Promise<unknown>
  /** What comes after the strike. */
  readonly next?: (stage: Stage) => Promise<void>
  /** Without any fault: registers, the decision of each repository, the tag of each task. */
  readonly registers: number
  readonly ends: readonly [decision: string, ...tags: ReadonlyArray<string>]
}

const first = async ({ world }: Stage): Promise<void> => {
  await world.push("v1.0.0", "first")
  await world.beginWith(`${world.image}:v1.0.0`)
}

/** Pinned to `stable`, which is rolled out. */
const pinnedToStable = async (stage: Stage): Promise<void> => {
  await stage.world.push("stable", "one")
  await stage.leader.post(`/tags/${stage.world.name}`, { pinned_tag: "stable" })
  await stage.rests("InSync", "stable")
}

const decided = (stage: Stage, reason: string) =>
  until(reason, async () => (await stage.state()).rows.decisions[0]?.reason === reason)

const tags = ({ world }: Stage): string => `/tags/${world.name}`

export const stories: ReadonlyArray<Story> = [
  {
    name: "new-version",
    before: first,
    act: ({ world }) => world.push("v1.1.0", "second"),
    registers: 1,
    ends: ["InSync", "v1.1.0"]
  },
  {
    name: "pin",
    before: async ({ world }) => {
      await world.push("v1.0.0", "old")
      await world.push("v1.1.0", "first")
      await world.beginWith(`${world.image}:v1.1.0`)
    },
    act: (stage) => stage.leader.post(tags(stage), { pinned_tag: "v1.0.0" }),
    registers: 1,
    ends: ["InSync", "v1.0.0"]
  },
  {
    name: "overwritten-pin",
    before: first,
    prepare: pinnedToStable,
    act: ({ world }) => world.push("stable", "two"),
    registers: 2,
    ends: ["InSync", "stable"]
  },
  {
    name: "reset",
    before: first,
    prepare: async (stage) => {
      await pinnedToStable(stage)
      await stage.world.push("v1.1.0", "second")
    },
    act: (stage) => stage.leader.post(`${tags(stage)}/reset`),
    registers: 2,
    ends: ["InSync", "v1.1.0"]
  },
  {
    name: "off-push-on",
    before: first,
    prepare: async (stage) => {
      await stage.leader.post(tags(stage), { auto_deploy: false })
      await stage.world.push("v1.1.0", "second")
      await stage.world.push("v1.2.0", "third")
      await decided(stage, "auto_deploy_off")
      await stage.world.viewed(stage.leader, "v1.2.0")
    },
    act: (stage) => stage.leader.post(tags(stage), { auto_deploy: true }),
    registers: 1,
    ends: ["InSync", "v1.2.0"]
  },
  {
    name: "two-in-a-row",
    before: first,
    act: ({ world }) => world.push("v1.1.0", "second"),
    next: async (stage) => {
      await stage.rests("InSync", "v1.1.0")
      await stage.world.push("v1.2.0", "third")
    },
    registers: 2,
    ends: ["InSync", "v1.2.0"]
  },
  {
    name: "auto-revert",
    before: first,
    act: ({ world }) => {
      badTags.add("v1.1.66")
      return world.push("v1.1.66", "bad")
    },
    next: ({ sql }) => until("the revert", async () => (await sql.query(reverts)) === "1", 60),
    registers: 1,
    ends: ["InSync", "v1.0.0"]
  },
  {
    name: "drift-restore",
    keys: 'drift = "restore"',
    before: first,
    prepare: async (stage) => {
      await stage.world.push("v1.1.0", "second")
      await stage.rests("InSync", "v1.1.0")
    },
    act: ({ world }) => world.register(`${world.image}:v1.0.0`),
    registers: 2,
    ends: ["InSync", "v1.1.0"]
  },
  {
    name: "tag-form",
    keys: 'image_form = "tag"',
    before: first,
    act: ({ world }) => world.push("v1.1.0", "second"),
    registers: 1,
    ends: ["InSync", "v1.1.0"]
  },
  {
    name: "two-repositories",
    worker: true,
    before: async ({ world }) => {
      await world.push("v1.0.0", "first")
      await world.push("v1.0.0", "first worker", `${world.name}-w`)
      const worker = { task: "worker", image: `${world.image}-w:v1.0.0` }
      await world.beginWith(`${world.image}:v1.0.0`, [worker])
    },
    act: async ({ world }) => {
      await world.push("v1.1.0", "second")
      await world.push("v1.1.0", "second worker", `${world.name}-w`)
    },
    registers: 2,
    ends: ["InSync, InSync", "v1.1.0", "v1.1.0"]
  },
  {
    name: "two-requests",
    needsStandby: true,
    before: async (stage) => {
      await first(stage)
      await stage.world.push("one", "one")
      await stage.world.push("two", "two")
    },
    act: async (stage) => {
      const { leader, standby } = stage
      // Both are there before anybody acts on the first.
      leader.freeze()
      await standby.post(tags(stage), { pinned_tag: "one" })
      await standby.post(tags(stage), { pinned_tag: "two" })
      leader.thaw()
    },
    registers: 1,
    ends: ["InSync", "two"]
  },
  {
    name: "first-sight",
    isFirstSight: true,
    before: async (stage) => {
      await first(stage)
      await stage.world.push("v1.2.0", "second")
    },
    act: () => Promise.resolve(),
    registers: 1,
    ends: ["InSync", "v1.2.0"]
  }
]

const reverts = "select count(*) from attempt where state = 'reverted'"
