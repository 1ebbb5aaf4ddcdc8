import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { execFile, execFileSync, spawn } from "node:child_process"
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { beforeAll } from "vitest"
import manifest from "../../package.json" with { type: "json" }
import { until } from "../e2e/until.ts"
import { fastDirectory } from "../real/fastDirectory.ts"
import { emptyDatabase, noPostgres } from "../real/postgres.ts"

const root = new URL("../..", import.meta.url).pathname
const exec = promisify(execFile)

/** A directory that has the file and a configuration, and no node_modules above it. */
const alone = (): string => {
  const folder = mkdtempSync(join(fastDirectory(), "rw-bundle-"))
  copyFileSync(join(root, "dist/registrywatcher.mjs"), join(folder, "registrywatcher.mjs"))
  const toml = 'server_listening_address = "127.0.0.1:0"\nwatched_repositories = []\n'
  writeFileSync(join(folder, "x.toml"), toml)
  return folder
}

const within = Effect.acquireRelease(Effect.sync(alone), (folder) =>
  Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

describe("the bundle", () => {
  beforeAll(() => {
    execFileSync(process.execPath, ["deploy/bundle.mjs"], { cwd: root, stdio: "pipe" })
  }, 120_000)

  it.live("runs without node_modules: names its version, and takes a configuration", () =>
    Effect.gen(function* () {
      const cwd = yield* within
      const run = (...args: ReadonlyArray<string>) =>
        Effect.promise(() => exec(process.execPath, ["registrywatcher.mjs", ...args], { cwd }))
      assert.include((yield* run("--version")).stdout, manifest.version)
      assert.include((yield* run("check-config", "--config", "x.toml")).stdout, "nothing wrong")
    })
  )

  it.live.skipIf(noPostgres)(
    "migrates an empty Postgres, is ready, has the page, and ends at SIGTERM",
    () =>
      Effect.gen(function* () {
        const cwd = yield* within
        const database = Redacted.value(yield* emptyDatabase)
        const env = { PATH: process.env["PATH"], DATABASE_URL: database, NOMAD_ALLOC_ID: "an-allocation" }
        const child = spawn(process.execPath, ["registrywatcher.mjs", "--config", "x.toml"], { cwd, env })
        const exited = new Promise<number | null>((resolve) => child.once("close", resolve))
        yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
        let said = ""
        child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()))
        const address = () => /"address":"([^"]+)"/.exec(said)?.[1]
        yield* Effect.promise(() => until("it to listen", async () => address() !== undefined))
        const answer = yield* Effect.promise(() => fetch(`${address()}/health/ready`))
        assert.strictEqual(answer.status, 200)
        const ready = (yield* Effect.promise(() => answer.json())) as { readonly schema: { id: number } }
        assert.isAbove(ready.schema.id, 0)
        const file = yield* Effect.promise(async () => (await fetch(`${address()}/web/Row.js`)).text())
        assert.strictEqual(file, readFileSync(join(root, "src/web/Row.js"), "utf8"))
        child.kill("SIGTERM")
        assert.strictEqual(yield* Effect.promise(() => exited), 130)
      }),
    60_000
  )

  it.live("S18: has no embedded database, and says so with 78 where none is named", () =>
    Effect.gen(function* () {
      const cwd = yield* within
      const failed = yield* Effect.promise(() =>
        exec(process.execPath, ["registrywatcher.mjs", "--config", "x.toml"], {
          cwd,
          env: { PATH: process.env["PATH"], NOMAD_ALLOC_ID: "an-allocation" }
        }).then(
          () => ({ code: 0, stderr: "" }),
          (error: { readonly code: number; readonly stderr: string }) => error
        )
      )
      assert.strictEqual(failed.code, 78)
      assert.match(failed.stderr, /database_url: expected a postgres/)
    })
  )
})
