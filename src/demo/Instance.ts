import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { call } from "./call.ts"
import { DemoError, until } from "./DemoError.ts"

const entry = new URL("../registrywatcher.mjs", import.meta.url).pathname
const endWithStdin = new URL("endWithStdin.mjs", import.meta.url).href
/** Its own patience is 8 s; then it is ended anyhow. */
const stopDeadline = 10_000
const keptLines = 20

/** One instance of the controller: the shipped entry as a process, spoken to over HTTP. */
export interface Instance {
  readonly name: string
  readonly pid: number
  readonly url: string
  readonly isAlive: () => boolean
  /** True while it is the one that acts. */
  readonly leads: Effect.Effect<boolean>
  /** kill -9, over once the kernel has taken it away. */
  readonly kill: Effect.Effect<void>
  /** What it logged last. */
  readonly lastWords: () => string
}

/** Started, and ready to answer; ended with the scope. */
export const startInstance = Effect.fnUntraced(function* (options: {
  readonly name: string
  readonly config: string
  readonly database: string
  readonly nomad: string
}): Effect.fn.Return<Instance, DemoError, Scope.Scope> {
  const { name, config, database, nomad } = options
  const lines: Array<string> = []
  let url: string | undefined
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      // In a group of its own: Ctrl-C is for us, who end it in order. Nothing of our environment configures it.
      spawn(process.execPath, ["--import", endWithStdin, entry, "start", "--config", config], {
        detached: true,
        env: { PATH: process.env["PATH"], NOMAD_ADDR: nomad, DATABASE_URL: database },
        stdio: ["pipe", "pipe", "pipe"]
      })
    ),
    stop
  )
  child.once("error", (error) => lines.push(error.message))
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line)
      if (lines.length > keptLines) lines.shift()
      url ??= /"address":"(http:[^"]+)"/.exec(line)?.[1]
    })
  }
  const isAlive = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  const lastWords = () => lines.join("\n")
  const listening = yield* until(
    `instance ${name} to answer`,
    Effect.suspend(() =>
      isAlive() || lines.length === 0
        ? Effect.succeed(url)
        : Effect.fail(new DemoError({ message: `instance ${name} ended:\n${lastWords()}` }))
    )
  )
  const role = Effect.map(call<{ readonly role: string }>(`${listening}/health/ready`), ({ role }) => role)
  return {
    name,
    pid: child.pid ?? 0,
    url: listening,
    isAlive,
    leads: Effect.suspend(() => (isAlive() ? role : Effect.succeed("dead"))).pipe(
      Effect.map((is) => is === "leader"),
      Effect.orElseSucceed(() => false)
    ),
    kill: Effect.andThen(
      Effect.sync(() => child.kill("SIGKILL")),
      ended(child)
    ),
    lastWords
  }
})

const ended = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      return resume(Effect.void)
    }
    child.once("exit", () => resume(Effect.void))
  })

const stop = (child: ChildProcess) =>
  Effect.suspend(() => {
    child.kill("SIGTERM")
    return ended(child)
  }).pipe(
    Effect.timeoutOrElse({
      duration: stopDeadline,
      orElse: () =>
        Effect.suspend(() => {
          child.kill("SIGKILL")
          return ended(child)
        })
    })
  )
