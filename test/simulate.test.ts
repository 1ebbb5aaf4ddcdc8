import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { createInterface } from "node:readline"
import { simulateOptions } from "../src/sim/simulateOptions.ts"

const entry = new URL("../src/simulate.ts", import.meta.url).pathname
const fixture = new URL("fixtures/nomad/fixture.json", import.meta.url).pathname

const help = () => {
  const { status, stdout } = spawnSync(process.execPath, [entry, "--help"], { encoding: "utf8" })
  assert.strictEqual(status, 0)
  return stdout
}

describe("npm run simulate", () => {
  it("serves a cluster with a job, and a registry, until it is told to end", async () => {
    const args = [
      "--nomad",
      "127.0.0.1:0",
      "--registry",
      "127.0.0.1:0",
      "--job",
      fixture,
      "--namespace",
      "team",
      "--nomad-version",
      "1.9.6",
      "--nomad-token",
      "c0ffee00-0000-4000-8000-000000000001"
    ]
    const headers = { "X-Nomad-Token": "c0ffee00-0000-4000-8000-000000000001" }
    const child = spawn(process.execPath, [entry, ...args], { stdio: ["ignore", "pipe", "inherit"] })
    const exit = new Promise<number | null>((resolve) => void child.once("exit", resolve))
    try {
      const urls: Record<string, string> = {}
      for await (const line of createInterface({ input: child.stdout })) {
        const [name = "", url = ""] = line.split(": ")
        urls[name] = url
        if (name === "nomad") break
      }
      assert.strictEqual((await fetch(`${urls["nomad"]}/v1/job/ca-web`)).status, 403)
      const job = await fetch(`${urls["nomad"]}/v1/job/ca-web`, { headers })
      assert.strictEqual(job.status, 200)
      const self = await fetch(`${urls["nomad"]}/v1/agent/self`, { headers })
      assert.include(await self.text(), '"Version":"1.9.6"')
      const namespaces = await fetch(`${urls["nomad"]}/v1/namespaces`, { headers })
      assert.include(await namespaces.text(), '"Name":"team"')
      assert.strictEqual((await fetch(`${urls["registry"]}/v2/`)).status, 200)
      // What --help says of the registry's own endpoints can be sent as it stands there.
      const [, ofRegistry = ""] = help().split("\nRegistry ")
      let line = ""
      const said: Array<string> = []
      for (const [, verb, body = ""] of ofRegistry.matchAll(
        /((?:GET|POST|DELETE) +\/_sim\/\w+)|(\{"[^}]*\})/g
      )) {
        line = verb ?? line
        const [method = "", path = ""] = line.split(/ +/)
        if (method === "POST" && body === "") continue
        const sent = method === "POST" ? { method, body } : { method }
        const { status } = await fetch(`${urls["registry"]}${path}`, sent)
        said.push(`${method} ${path} ${body} ${Math.floor(status / 100)}`)
      }
      assert.deepStrictEqual(
        said.filter((each) => !each.endsWith(" 2")),
        []
      )
      assert.deepStrictEqual(
        [...new Set(said.map((each) => each.split(" ").slice(0, 2).join(" ")))],
        [
          "POST /_sim/push",
          "GET /_sim/requests",
          "DELETE /_sim/requests",
          "POST /_sim/faults",
          "DELETE /_sim/faults"
        ]
      )
    } finally {
      child.kill("SIGTERM")
    }
    assert.isNotNull(await exit, "it ends by itself, not by the signal")
  })

  it("refuses arguments that it does not know with 64 and words", async () => {
    const child = spawn(process.execPath, [entry, "--speed", "9"], { stdio: ["ignore", "inherit", "pipe"] })
    let words = ""
    child.stderr.on("data", (chunk: Buffer) => {
      words += chunk.toString()
    })
    const code = await new Promise<number | null>((resolve) => void child.once("close", resolve))
    assert.strictEqual(code, 64)
    assert.match(words, /^simulate: Unknown option '--speed'/)
  })

  const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, why: string]> = [
    [[], "--nomad HOST:PORT, --registry HOST:PORT or both are needed"],
    [["--nomad", "here"], "here is no HOST:PORT"],
    [["--nomad", "127.0.0.1:70000"], "127.0.0.1:70000 is no HOST:PORT"],
    [["--nomad", "127.0.0.1:0", "--job", "/nope.json"], "/nope.json: ENOENT"],
    [["--nomad", "127.0.0.1:0", "--job", entry], "is not valid JSON"],
    [["--registry", "127.0.0.1:0", "--job", fixture], "--job needs --nomad"],
    [["--registry", "127.0.0.1:0", "--nomad-version", "1.9.6"], "--nomad-version needs --nomad"]
  ]
  it.effect.each(wrong)("refuses %j: %s", ([args, why]) =>
    Effect.map(Effect.flip(simulateOptions(args)), ({ message }) => assert.include(message, why))
  )

  it.effect("takes addresses with and without a scheme, and both forms of a job", () =>
    Effect.gen(function* () {
      const options = yield* simulateOptions([
        "--nomad",
        "http://[::1]:4646",
        "--job",
        fixture,
        "--job",
        fixture
      ])
      assert.notStrictEqual(options, "help")
      if (options === "help") return
      assert.deepStrictEqual(options.nomad, { host: "::1", port: 4646 })
      assert.deepStrictEqual(
        options.jobs.map(({ job }) => job["ID"]),
        ["ca-web", "ca-web"]
      )
    })
  )
})
