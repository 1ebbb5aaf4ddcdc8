import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import type { Writable } from "node:stream"

export interface Ended {
  readonly exitCode: number
  /** What it wrote, stdout and stderr as they came. */
  readonly output: string
}

// Each command is evaluated in this one shell, so that what it sets is set for the next. `set -m`: a command that stays
// has a process group, by which it is ended.
const loop = String.raw`
exec 2>&1
set -m
while IFS= read -r -d "" -u 3 command; do
  eval "$command" </dev/null 3<&-
  printf '\0%s\0' $?
done`

const apart = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
const withLoopback = 'ip link set lo up && exec bash -c "$0"'

/**
 * True where the commands can have the loopback interface to themselves: the ports that documents name are free there,
 * whatever else runs on this machine, and what outlives them ends with the shell.
 */
export const canBeApart = (): boolean => {
  try {
    execFileSync(apart[0] ?? "", [...apart.slice(1), "bash", "-c", withLoopback, ":"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/** One interactive reader of the documents: a bash that is given one command after the other. */
export class Shell {
  readonly #bash: ChildProcess
  readonly #exit: Promise<unknown>
  #output = ""
  #isBusy = false
  #arrived: () => void = () => {}

  constructor(cwd: string, env: NodeJS.ProcessEnv, isApart: boolean) {
    const [file = "bash", ...args] = isApart
      ? [...apart, "bash", "-c", withLoopback, loop]
      : ["bash", "-c", loop]
    this.#bash = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe", "pipe"] })
    this.#exit = new Promise((resolve) => this.#bash.once("close", resolve))
    for (const stream of [this.#bash.stdout, this.#bash.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#output += chunk.toString()
        this.#arrived()
      })
    }
  }

  /** Runs it to its end; rejects after `seconds`. */
  async run(command: string, seconds = 90): Promise<Ended> {
    if (this.#isBusy) throw new Error(`${command}\nis not run: the command before it does not end`)
    this.#isBusy = true
    this.#output = ""
    const script = this.#bash.stdio[3] as Writable
    script.write(`${command}\n\0`)
    const deadline = performance.now() + seconds * 1000
    for (;;) {
      const [, output, exitCode] = /^([^\0]*)\0(\d+)\0/.exec(this.#output) ?? []
      if (output !== undefined) {
        this.#isBusy = false
        return { exitCode: Number(exitCode), output }
      }
      const left = deadline - performance.now()
      if (left <= 0) throw new Error(`${command}\ndid not end within ${seconds} s:\n${this.#output}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#arrived = () => (clearTimeout(timer), resolve())
      })
    }
  }

  /** Starts a command that stays, as in a terminal of its own; what it writes is in `file`. Answers its process group. */
  async begin(command: string, file: string): Promise<number> {
    await this.run(`: >${file}; { ${command}\n} >${file} 2>&1 &`)
    return Number((await this.run("echo $!")).output)
  }

  /** Ctrl-C in the terminal of a command that stays, and its end. */
  async interrupt(group: number): Promise<void> {
    await this.run(`kill -TERM -- -${group}; wait ${group} || :`)
  }

  /** True where a command did not end in its time: only `end` is of use then. */
  get isHung(): boolean {
    return this.#isBusy
  }

  async end(): Promise<void> {
    ;(this.#bash.stdio[3] as Writable).end()
    const giveUp = setTimeout(() => this.#bash.kill("SIGKILL"), this.#isBusy ? 0 : 5000)
    await this.#exit
    clearTimeout(giveUp)
  }
}
