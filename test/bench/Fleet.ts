import { Effect } from "effect"
import { execFile, execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { NomadSimulator, quickTimings, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { buildImage } from "../../src/sim/registry/image.ts"
import { configuration, Controller, type ControllerOptions } from "../e2e/Controller.ts"
import { until } from "../e2e/until.ts"
import { dockerRegistry } from "../real/dockerRegistry.ts"
import { postgresFolder, startPostgres } from "../real/postgresServer.ts"
import { push } from "../real/wire.ts"

export interface FleetSize {
  readonly repositories: number
  readonly tags: number
  /** As the configuration has it: "59s". */
  readonly interval: string
  /** Each has tags of its own, so that one that is pushed is new in it alone; slow for many. */
  readonly apart?: boolean
  /** Postgres waits for the disk at each commit, as it does in production; statements are not counted then. */
  readonly durable?: boolean
  /** What each job has besides its image. */
  readonly job?: Pick<Parameters<typeof sampleJob>[0], "update">
}

/** Many repositories on a real docker-registry, their jobs in sync in a Nomad simulator, and a real Postgres. */
export interface Fleet extends FleetSize {
  readonly names: ReadonlyArray<string>
  readonly registry: URL
  /** Requests that the registry has answered so far, by its own count. */
  readonly registryRequests: () => Promise<number>
  readonly nomadRequests: () => Promise<number>
  /** Statements that the controller of that name has sent so far, by Postgres's log. */
  readonly statements: (name: string) => number
  /** Asks its database: columns apart by `|`, rows by line ends. */
  readonly sql: (statement: string) => Promise<string>
  /** The shipped entry as a process, watching all of it; ended with the scope. */
  readonly start: (name: string) => Promise<Controller>
  /** The same, not waited for until it is ready. */
  readonly launch: (name: string, more?: Partial<ControllerOptions>) => Promise<Controller>
  /** Gives those that are started from now on a database without anything in it. */
  readonly emptyDatabase: () => Promise<void>
  /** Waits until each repository was looked at and found in sync. */
  readonly inSync: () => Promise<void>
}

export const progress = (words: string): void => void process.stderr.write(`  ${words}\n`)

const run = promisify(execFile)

const root = new URL("../../", import.meta.url).pathname
/** What the image ships: the sources have their types stripped at start, for which they take 60 MiB more. */
const bundle = join(root, "dist/registrywatcher.mjs")

const numbered = (count: number, prefix: string) => Array.from({ length: count }, (_, n) => `${prefix}${n}`)

/** Extra flags of node for the controller: `NODE_FLAGS="--cpu-prof --cpu-prof-dir=/tmp/prof"`. */
const flags = (process.env["NODE_FLAGS"] ?? "").split(" ").filter((flag) => flag !== "")

export const makeFleet = Effect.fnUntraced(function* (size: FleetSize) {
  const names = numbered(size.repositories, "repo-")
  progress(`${size.repositories} repositories of ${size.tags} tags on a docker-registry, and their jobs`)
  const { origin, storage, metrics } = yield* dockerRegistry()
  const tags = numbered(size.tags, "v1.0.")
  const image = buildImage("bench")
  for (const tag of tags) yield* push({ origin }, "bench/seed", tag, image)
  // A repository is a folder, and pushing 100,000 tags would take minutes: all have the tags of one.
  const repositories = join(storage, "docker/registry/v2/repositories/bench")
  for (const name of names) {
    if (size.apart === true) cpSync(join(repositories, "seed"), join(repositories, name), { recursive: true })
    else symlinkSync("seed", join(repositories, name))
  }

  const nomad = yield* NomadSimulator
  const digest = yield* push({ origin }, "bench/seed", tags.at(-1) ?? "", image)
  for (const name of names) {
    const running = `${origin.host}/bench/${name}:${tags.at(-1)}@${digest}`
    yield* nomad.register(
      sampleJob({ id: name, image: running, task: "app", minHealthyTime: 2000, ...size.job })
    )
  }
  yield* Effect.promise(() =>
    until(
      "the jobs to run",
      async () => {
        for (const name of names) {
          const job = await Effect.runPromise(nomad.job("default", name))
          if (job?.["Stable"] !== true) return false
        }
        return true
      },
      300
    )
  )

  const statements = new Map<string, number>()
  const postgres = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const running = await startPostgres(postgresFolder(size.durable), {
        durable: size.durable === true,
        log: countStatements(statements)
      })
      return running ?? Promise.reject(new Error("there is no Postgres to run"))
    }),
    ({ stop }) => Effect.promise(stop)
  )
  // Not synchronously: the server waits until we have read its log.
  const sql = async (statement: string, database = "fleet"): Promise<string> => {
    const { stdout } = await run("psql", ["-XAtq", "-c", statement, `${postgres.url}/${database}`])
    return stdout.trim()
  }
  yield* Effect.promise(async () => {
    await sql("create database fleet", "postgres")
    if (size.durable === true) return
    await sql("alter database fleet set log_statement = 'all'", "postgres")
    await sql("alter system set log_line_prefix = '[%a] '", "postgres")
    await sql("alter system set log_parameter_max_length = 0", "postgres")
    await sql("select pg_reload_conf()", "postgres")
  })

  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "rw-bench-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  execFileSync(process.execPath, ["deploy/bundle.mjs"], { cwd: root })
  const controllers: Array<Controller> = []
  yield* Effect.addFinalizer(() =>
    Effect.promise(async () => {
      for (const controller of controllers) await controller.stop()
    })
  )
  const launch: Fleet["launch"] = async (name, more) => {
    const controller = await Controller.launch(name, {
      folder,
      flags,
      entry: bundle,
      nomad: nomad.url,
      database: `${postgres.url}/fleet?application_name=${name}`,
      registry: origin,
      repositories: names,
      configuration: (port) =>
        configuration(
          port,
          { registry: origin, repositories: names },
          { interval: size.interval, prefix: "bench" }
        ),
      ...more
    })
    controllers.push(controller)
    return controller
  }
  const fleet: Fleet = {
    ...size,
    names,
    registry: origin,
    registryRequests: async () => {
      const text = await (await fetch(metrics)).text()
      const counts = text.matchAll(/^registry_http_request_duration_seconds_count\{.*\} (\d+)$/gm)
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
    },
    nomadRequests: async () => (await Effect.runPromise(nomad.requests)).length,
    statements: (name) => statements.get(name) ?? 0,
    sql,
    start: async (name) => {
      const controller = await launch(name)
      await controller.ready()
      return controller
    },
    launch,
    emptyDatabase: async () => {
      await sql("drop database fleet with (force)", "postgres")
      await sql("create database fleet", "postgres")
    },
    inSync: () =>
      until(
        "all to be in sync",
        async () =>
          (await sql("select count(*) from decision where decision->>'_tag' = 'InSync'")) ===
          String(names.length),
        600,
        500
      )
  }
  return fleet
})

/** Reads a log of which each statement is a line that begins with its session's name. */
const countStatements = (counts: Map<string, number>) => {
  let half = ""
  return (chunk: string): void => {
    const lines = `${half}${chunk}`.split("\n")
    half = lines.pop() ?? ""
    for (const line of lines) {
      const [, name] = /^\[(\w+)\] LOG: {2}(?:statement|execute [^:]*):/.exec(line) ?? []
      if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
}

/** Where the jobs of a fleet run. */
export const layerNomad = NomadSimulator.layer({ timings: quickTimings })
