import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"

const root = new URL("../..", import.meta.url)
const read = (file: string): string => readFileSync(new URL(file, root), "utf8")
const job = read("deploy/registrywatcher.nomad.hcl")
const policy = read("deploy/policy.hcl")
const first = read("deploy/compose/api.nomad.hcl")
const operations = read("docs/operations.md")

/** Without comments and heredocs, whose braces are not HCL's. */
const bare = (hcl: string): string => hcl.replace(/<<-?(\w+)$[\s\S]*?^\s*\1$/gm, '""').replace(/#.*$/gm, "")

const address = process.env["NOMAD_ADDR"]
const nomadRuns = (): boolean => {
  try {
    execFileSync("nomad", ["version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}
const onPath = nomadRuns()
if (address === undefined && !onPath)
  process.stdout.write(
    "NOT RUN: deploy/*.hcl through Nomad's own parser: neither NOMAD_ADDR nor nomad on PATH\n"
  )

describe("the HCL of deploy/", () => {
  it.each([
    ["registrywatcher.nomad.hcl", job],
    ["policy.hcl", policy],
    ["compose/api.nomad.hcl", first]
  ])("%s is balanced", (_, hcl) => {
    for (const [open, close] of ["{}", "[]", "()"]) {
      const text = bare(hcl)
      assert.strictEqual(text.split(open ?? "").length, text.split(close ?? "").length, open)
    }
  })

  it("X: the policy has the least rights: what was measured to be needed, and nothing besides", () => {
    const capabilities = [...bare(policy).matchAll(/"([a-z]+-[a-z]+)"/g)].map(([, name]) => name)
    assert.deepStrictEqual(capabilities, ["list-jobs", "read-job", "submit-job", "read-logs"])
    assert.notMatch(bare(policy), /policy\s*=/)
  })

  it("names in the job what the policy is bound to and docs/operations.md says", () => {
    assert.match(job, /^job "registrywatcher" \{$/m)
    assert.match(job, /^ {4}task "registrywatcher" \{$/m)
    const bind =
      "nomad acl policy apply -namespace default -job registrywatcher registrywatcher deploy/policy.hcl"
    for (const text of [job, policy, operations]) assert.include(text, bind)
    for (const text of [job, operations]) assert.include(text, "nomad/jobs/registrywatcher")
    assert.include(operations, "nomad job run -var image=")
  })

  it("pins every image that the Dockerfile and docker-compose.yml name", () => {
    const composed = read("docker-compose.yml")
    const named = [
      ...[...composed.matchAll(/^ +image: (\S+)$/gm)].map(([, image]) => image ?? ""),
      /^ARG NODE_IMAGE=(\S+)$/m.exec(read("deploy/Dockerfile"))?.[1] ?? ""
    ]
    assert.isAtLeast(named.length, 5)
    for (const image of named)
      assert.match(image, /:(?:\d+\.\d+\.\d+|\d+\.\d+@sha256|\d[\w.-]+@sha256|local)/)
  })

  it("has the configuration of docker-compose.yml follow the job and the registry that it starts", () => {
    const toml = read("deploy/compose/registrywatcher.toml")
    const composed = read("docker-compose.yml")
    const [, host] = /registry_domain = "([^"]+)"/.exec(toml) ?? []
    assert.include(composed, `REGISTRY_HTTP_ADDR: ${host}`)
    assert.include(first, `image = "${host}/api:v0.0.0"`)
    assert.match(toml, /nomad_job_name = "api"/)
  })

  it("S15: gives SIGTERM longer than the service needs to end", () => {
    const [, seconds] = /^const grace = (\d+)_000$/m.exec(read("src/main.ts")) ?? []
    const [, killTimeout] = /^\s+kill_timeout = "(\d+)s"$/m.exec(job) ?? []
    assert.isAbove(Number(killTimeout), Number(seconds))
  })

  it.skipIf(address === undefined)("is a system job to Nomad's own parser", async () => {
    const token = process.env["NOMAD_TOKEN"]
    const answer = await fetch(`${address}/v1/jobs/parse`, {
      method: "POST",
      headers: token === undefined ? {} : { "x-nomad-token": token },
      body: JSON.stringify({ JobHCL: job, Variables: 'image = "registrywatcher:test"', Canonicalize: true })
    })
    const text = await answer.text()
    assert.strictEqual(answer.status, 200, text)
    assert.deepInclude(JSON.parse(text), { ID: "registrywatcher", Type: "system" })
  })

  it.skipIf(!onPath)("is a system job to the parser of the nomad on PATH", () => {
    const parsed = execFileSync(
      "nomad",
      ["job", "run", "-output", "-var", "image=registrywatcher:test", "deploy/registrywatcher.nomad.hcl"],
      { cwd: root.pathname, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }
    )
    const { Job } = JSON.parse(parsed) as { readonly Job: { readonly ID: string; readonly Type: string } }
    assert.deepInclude(Job, { ID: "registrywatcher", Type: "system" })
  })
})
