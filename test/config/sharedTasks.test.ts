import { assert, describe, it } from "@effect/vitest"
import { sharedTasks } from "../../src/config/sharedTasks.ts"
import type { Mapping } from "../../src/domain/Watched.ts"

const mapping = (
  image: string,
  {
    group,
    tasks = [],
    region = "",
    namespace = "default",
    job = "j"
  }: Partial<Pick<Mapping, "group" | "tasks"> & Mapping["job"]> = {}
): Mapping => ({ job: { region, namespace, job }, group, tasks, imageNames: [image], imageForm: "digest" })

describe("sharedTasks", () => {
  it.each([
    ["one task of one job", mapping("a", { tasks: ["t"] }), mapping("b", { tasks: ["s", "t"] }), true],
    ["other tasks of one job", mapping("a", { tasks: ["t"] }), mapping("b", { tasks: ["s"] }), false],
    [
      "one task in one group",
      mapping("a", { group: "g", tasks: ["t"] }),
      mapping("b", { group: "g", tasks: ["t"] }),
      true
    ],
    [
      "one task in other groups",
      mapping("a", { group: "g", tasks: ["t"] }),
      mapping("b", { group: "h", tasks: ["t"] }),
      false
    ],
    [
      "one task in a group and in all",
      mapping("a", { group: "g", tasks: ["t"] }),
      mapping("b", { tasks: ["t"] }),
      true
    ],
    [
      "one task of other jobs",
      mapping("a", { tasks: ["t"] }),
      mapping("b", { tasks: ["t"], job: "k" }),
      false
    ],
    [
      "one task in other namespaces",
      mapping("a", { tasks: ["t"] }),
      mapping("b", { tasks: ["t"], namespace: "n" }),
      false
    ],
    [
      "one task in other regions",
      mapping("a", { tasks: ["t"], region: "eu" }),
      mapping("b", { tasks: ["t"], region: "us" }),
      false
    ],
    [
      "one task in a region and in the agent's own",
      mapping("a", { tasks: ["t"], region: "eu" }),
      mapping("b", { tasks: ["t"] }),
      true
    ],
    ["all tasks of one image", mapping("ghcr.io/a"), mapping("ghcr.io/a"), true],
    [
      "all tasks of an image, however docker.io is spelled",
      mapping("docker.io/library/a"),
      mapping("a"),
      true
    ],
    ["all tasks of other images", mapping("ghcr.io/a"), mapping("ghcr.io/b"), false],
    [
      "a task by name, and all of the same image",
      mapping("ghcr.io/a", { tasks: ["t"] }),
      mapping("ghcr.io/a"),
      true
    ],
    [
      "a task by name, and all of another image",
      mapping("ghcr.io/a", { tasks: ["t"] }),
      mapping("ghcr.io/b"),
      false
    ]
  ])("S22: %s", (_, a, b, shared) => {
    assert.strictEqual(sharedTasks(a, b) !== undefined, shared)
    assert.strictEqual(sharedTasks(b, a) !== undefined, shared)
  })
})
