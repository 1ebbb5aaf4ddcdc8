import { assert, describe, it } from "@effect/vitest"
import { parsePolicy } from "../../../src/sim/nomad/aclPolicy.ts"
import { rightsOf } from "../../../src/sim/nomad/Rights.ts"

const capabilities = (...names: ReadonlyArray<string>) =>
  `namespace "default" { capabilities = ${JSON.stringify(names)} }`

const rights = (...rules: ReadonlyArray<string>) =>
  rightsOf(
    rules.map((each) => parsePolicy(each, true)),
    ""
  )

describe("rules of policies", () => {
  it.each([
    [
      "a name over a glob",
      ['namespace "web" { policy = "read" }\nnamespace "*" { policy = "write" }'],
      "web",
      "submit-job",
      false
    ],
    [
      "the closest glob",
      ['namespace "w*" { policy = "read" }\nnamespace "*" { policy = "write" }'],
      "web",
      "submit-job",
      false
    ],
    ["a glob where no name is", ['namespace "*" { policy = "write" }'], "web", "submit-job", true],
    [
      "the sum of several",
      [capabilities("read-job"), capabilities("list-jobs")],
      "default",
      "list-jobs",
      true
    ],
    [
      "deny before everything",
      [capabilities("read-job"), capabilities("deny")],
      "default",
      "read-job",
      false
    ],
    ["JSON", ['{"namespace": {"default": {"policy": "read"}}}'], "default", "read-job", true],
    ["any namespace", ['namespace "a" { policy = "read" }'], "*", "read-job", true],
    ["nothing of another", ['namespace "a" { policy = "read" }'], "b", "read-job", false]
  ] as const)("%s", (_, rules, namespace, capability, is) => {
    assert.strictEqual(rights(...rules).allows(namespace, capability), is)
  })

  it("a volume is mounted for writing only by who may write", () => {
    const may = rights('host_volume "data" { policy = "read" }')
    assert.deepStrictEqual(
      [may.mounts("data", true), may.mounts("data", false), may.mounts("x", true)],
      [true, false, false]
    )
  })
})
