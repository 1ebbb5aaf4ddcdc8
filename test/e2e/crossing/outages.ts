import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { npmPostgres } from "../../../src/store/PostgresBinaries.ts"
import { unprivileged } from "../../../src/store/Unprivileged.ts"
import { systemBinaries } from "../../real/postgresServer.ts"
import { freePort } from "../Controller.ts"
import type { NomadProxy } from "../NomadProxy.ts"
import type { Parts } from "../World.ts"
import { PartProcess } from "./PartProcess.ts"

/** A part of one run that goes away and comes back. */
export interface FailingPart {
  readonly parts: Partial<Parts>
  readonly process: PartProcess
  /** Postgres's fast stop is another signal than the others'. */
  readonly stopsBy: "SIGTERM" | "SIGINT"
  readonly end: () => void
}

/** What happens to it, and for how long. */
export interface Outage {
  readonly part: (typeof partNames)[number]
  readonly kind: (typeof kindNames)[number]
}

export const partNames = ["registry", "Postgres", "Nomad"] as const
export const kindNames = ["stopped", "frozen", "restarted"] as const
export const outages: ReadonlyArray<Outage> = partNames.flatMap((part) =>
  kindNames.map((kind) => ({ part, kind }))
)

const frozenFor = {
  // Longer than a client waits for an answer: 10 s.
  registry: 12,
  Nomad: 12,
  // Longer than the lease: 5 s.
  Postgres: 8
}
const stoppedFor = 3

/** The part is away when this is answered; the promise within, once it is back. */
export const begin = async (
  { part, kind }: Outage,
  { process: server, stopsBy }: FailingPart,
  proxy: NomadProxy
): Promise<{ readonly over: Promise<void> }> => {
  if (part === "Nomad" && kind !== "frozen") {
    // The simulator would forget its jobs: what the controller sees of a restart is resets, and refusals for a while.
    server.freeze()
    proxy.close()
    const over = async () => {
      await pause(kind === "stopped" ? stoppedFor * 1000 : 200)
      server.thaw()
      await server.answers()
      await proxy.listen()
    }
    return { over: over() }
  }
  if (kind === "frozen") {
    server.freeze()
    return { over: pause(frozenFor[part] * 1000).then(() => server.thaw()) }
  }
  await server.stop(stopsBy)
  return { over: pause(kind === "stopped" ? stoppedFor * 1000 : 0).then(() => server.start()) }
}

/** Started, for one run alone. */
export const failingPart = async (part: Outage["part"]): Promise<FailingPart> => {
  const folder = mkdtempSync(join(tmpdir(), "rw-outage-"))
  const port = await freePort()
  const made = await make[part](folder, port)
  await made.process.start()
  const end = () => {
    made.process.end()
    rmSync(folder, { recursive: true, force: true })
  }
  return { stopsBy: "SIGTERM", ...made, end }
}

const answers = (url: string) => async (): Promise<boolean> => (await fetch(url)).ok

const make: Record<
  Outage["part"],
  (folder: string, port: number) => Promise<Omit<FailingPart, "end" | "stopsBy"> & Partial<FailingPart>>
> = {
  registry: (folder, port) => {
    const file = join(folder, "config.yml")
    const storage = { filesystem: { rootdirectory: join(folder, "storage") } }
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ version: 0.1, storage, http: { addr: `127.0.0.1:${port}` } }))
    const origin = new URL(`http://127.0.0.1:${port}`)
    const process = new PartProcess(["docker-registry", "serve", file], answers(`${origin.origin}/v2/`))
    return Promise.resolve({ parts: { registry: origin }, process })
  },
  Nomad: (_folder, port) => {
    const url = `http://127.0.0.1:${port}`
    const simulate = new URL("../../../src/simulate.ts", import.meta.url).pathname
    const command = [process.execPath, simulate, "--nomad", `127.0.0.1:${port}`]
    return Promise.resolve({
      parts: { nomad: url },
      process: new PartProcess(command, answers(`${url}/v1/jobs`))
    })
  },
  Postgres: (folder, port) => {
    const binaries = systemBinaries() ?? npmPostgres()
    if (binaries === undefined) throw new Error("there is no Postgres to run")
    const user = unprivileged()
    user.own(folder)
    const data = join(folder, "data")
    const initialise = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    execFileSync(...user.command(binaries.initdb, initialise), { ...user.options, stdio: "ignore" })
    const settings = ["-c", `port=${port}`, "-c", `unix_socket_directories=${folder}`, "-c", "fsync=off"]
    const [file, args] = user.command(binaries.postgres, ["-D", data, ...settings])
    const postgres = `postgres://postgres@127.0.0.1:${port}`
    const psql = (statement: string) =>
      execFileSync("psql", ["-XAtq", "-c", statement, `${postgres}/postgres`], { stdio: "pipe" })
    const isThere = async () => Promise.resolve(psql("select 1").length > 0)
    const makeDatabase = async (name: string) => Promise.resolve(void psql(`create database ${name}`))
    return Promise.resolve({
      parts: { postgres, makeDatabase },
      process: new PartProcess([file, ...args], isThere, user.options),
      stopsBy: "SIGINT" as const
    })
  }
}
