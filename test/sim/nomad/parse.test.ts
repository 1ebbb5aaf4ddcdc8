import { assert, describe, it } from "@effect/vitest"
import { HclError, parseHcl } from "../../../src/sim/nomad/Hcl.ts"
import { parseJob } from "../../../src/sim/nomad/parseJob.ts"

const attributes = (text: string) => parseHcl(text).attributes

describe("HCL", () => {
  it.each([
    ['a = "b\\n\\"c\\""', { a: 'b\n"c"' }],
    ["a = 1.5\nb = -2\nc = true\nd = null", { a: 1.5, b: -2, c: true, d: null }],
    ['a = ["b", 1,]', { a: ["b", 1] }],
    ["a = { b = 1, c: 2 }", { a: { b: 1, c: 2 } }],
    ['# one\n// two\n/* three\n */ a = "#no"', { a: "#no" }],
    ["a = <<EOT\n  one\n  two\nEOT\n", { a: "  one\n  two\n" }],
    ["a = <<-EOT\n  one\n    two\n  EOT\n", { a: "one\n  two\n" }],
    ['a = "${meta.x} ${NOMAD_META_y}"', { a: "${meta.x} ${NOMAD_META_y}" }]
  ] as const)("%j", (text, expected) => assert.deepStrictEqual<unknown>(attributes(text), expected))

  it.each([
    ['a = "b', "line 1: expected the end of a text in quotes"],
    ["a {\nb = 1\n", 'line 3: expected "}"'],
    ["a = var.x", "line 1: expected a value, and not var.x"],
    ["a = [1 2]", 'line 1: expected "," or "]"'],
    ["}", "line 1: expected a name or the end"]
  ])("%j is refused", (text, words) => {
    try {
      parseHcl(text)
    } catch (error) {
      assert.instanceOf(error, HclError)
      return assert.strictEqual(String(error), `Error: ${words}`)
    }
    return assert.fail("it was taken")
  })
})

const file = `
variable "tag" { default = "1.0" }
locals { image = "reg/web:\${var.tag}" }
job "web" {
  datacenters = ["dc1"]
  update { min_healthy_time = "5s" }
  group "app" {
    count = 2
    network { port "http" { to = 8080 } }
    restart { attempts = 1
              delay = "1m30s" }
    task "server" {
      driver = "docker"
      config {
        image = local.image
        auth { username = "u" }
      }
      env { PATH_OF = "\${NOMAD_TASK_DIR}" }
      identity { file = true }
      identity {
        name = "vault"
        ttl = "1h"
      }
      resources {
        cpu = 100
        memory = 64
      }
      constraint {
        attribute = "\${attr.kernel.name}"
        value = "linux"
      }
    }
  }
}`

const image = ({ TaskGroups }: ReturnType<typeof parseJob>) =>
  JSON.stringify(TaskGroups).includes("reg/web:1.0")

/** What the file says, without what it leaves open. */
const said = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(said)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) =>
      each === null || each === "" || each === false || each === 0 ? [] : [[key, said(each)]]
    )
  )
}

describe("a job file", () => {
  it("is the job's JSON, durations in nanoseconds, variables and locals in their places", () => {
    assert.deepStrictEqual<unknown>(said(parseJob(file, 'tag = "2.0"')), {
      ID: "web",
      Name: "web",
      Datacenters: ["dc1"],
      Update: { MinHealthyTime: 5e9 },
      TaskGroups: [
        {
          Name: "app",
          Count: 2,
          Networks: [{ DynamicPorts: [{ Label: "http", To: 8080 }] }],
          RestartPolicy: { Attempts: 1, Delay: 90e9 },
          Tasks: [
            {
              Name: "server",
              Driver: "docker",
              Config: { image: "reg/web:2.0", auth: [{ username: "u" }] },
              Env: { PATH_OF: "${NOMAD_TASK_DIR}" },
              Identity: { File: true },
              Identities: [{ Name: "vault", TTL: 3600e9 }],
              Resources: { CPU: 100, MemoryMB: 64 },
              Constraints: [{ LTarget: "${attr.kernel.name}", RTarget: "linux" }]
            }
          ]
        }
      ]
    })
    assert.isTrue(image(parseJob(file, "")))
  })

  it("leaves open as null what it does not say", () => {
    const { Priority, Stop, Dispatched, Name } = parseJob('job "a" {}', "")
    assert.deepStrictEqual<unknown>([Priority, Stop, Dispatched, Name], [null, null, false, "a"])
  })

  it.each([
    ["", '"job" block not found'],
    ['job "a" {}\njob "b" {}', "Only one job block is allowed"]
  ])("%j is refused", (text, words) => {
    assert.throws(() => parseJob(text, ""), words)
  })
})
