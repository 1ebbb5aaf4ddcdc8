import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { until } from "../until.ts"

// The shell says the part's process id, and ends it when its own input ends: also when we were killed.
const script = `"$@" & echo $!; read -r _; kill -KILL $!`

/** A real part as a process of our own, that can be stopped, frozen and started again. */
export class PartProcess {
  readonly #command: ReadonlyArray<string>
  readonly #options: SpawnOptions
  readonly #answers: () => Promise<boolean>
  #shell: ChildProcess | undefined
  #pid = 0

  /** @param answers - whether it is there to be spoken to */
  constructor(command: ReadonlyArray<string>, answers: () => Promise<boolean>, options: SpawnOptions = {}) {
    this.#command = command
    this.#answers = answers
    this.#options = options
  }

  async start(): Promise<void> {
    const shell = spawn("/bin/sh", ["-c", script, "sh", ...this.#command], {
      ...this.#options,
      stdio: ["pipe", "pipe", "ignore"]
    })
    this.#shell = shell
    this.#pid = await new Promise<number>((resolve) =>
      shell.stdout?.once("data", (line: Buffer) => resolve(Number.parseInt(line.toString(), 10)))
    )
    await this.answers()
  }

  async answers(): Promise<void> {
    await until(`${this.#command[0]} to answer`, this.#answers, 60)
  }

  /** In an orderly way, by this signal; answered once it is gone. */
  async stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<void> {
    process.kill(this.#pid, signal)
    await until(`${this.#command[0]} to end`, () => !isRunning(this.#pid), 30)
    this.#shell?.stdin?.end()
  }

  /** With its children: all of them stand still. */
  freeze(): void {
    for (const pid of [this.#pid, ...childrenOf(this.#pid)]) process.kill(pid, "SIGSTOP")
  }

  thaw(): void {
    for (const pid of [this.#pid, ...childrenOf(this.#pid)]) process.kill(pid, "SIGCONT")
  }

  end(): void {
    this.#shell?.stdin?.end()
  }
}

/** State and parent of a process, as `/proc/PID/stat` has them behind the name; undefined where there is none. */
const statOf = (pid: number): readonly [state: string, parent: number] | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    const [state = "", parent = ""] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return [state, Number(parent)]
  } catch {
    return undefined
  }
}

// What ended and was not waited for by the shell is a zombie.
const isRunning = (pid: number): boolean => !"ZX".includes(statOf(pid)?.[0] ?? "X")

const childrenOf = (pid: number): ReadonlyArray<number> =>
  readdirSync("/proc")
    .map(Number)
    .filter((child) => statOf(child)?.[1] === pid)
