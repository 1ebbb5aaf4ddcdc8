import { type ChildProcess, spawn } from "node:child_process"

/** One session with a database that stays open: `psql`, so that the tests speak to Postgres by other means than the product. */
export class Sql {
  readonly #child: ChildProcess
  #said = ""
  #count = 0
  #last: Promise<unknown> = Promise.resolve()
  #arrived: () => void = () => {}

  constructor(url: string) {
    this.#child = spawn("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", url], { stdio: ["pipe", "pipe", "pipe"] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#said += chunk.toString()
        this.#arrived()
      })
    }
    this.#child.stdin?.on("error", () => {})
    this.#child.once("exit", () => this.#arrived())
  }

  /** False once the server, or its connection, is gone. */
  get isOpen(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** What it answers, as text; one statement after another. */
  query(statement: string): Promise<string> {
    const answer = this.#last.then(() => this.#ask(statement))
    this.#last = answer.catch(() => {})
    return answer
  }

  async #ask(statement: string): Promise<string> {
    const end = `-- ${++this.#count} --\n`
    this.#said = ""
    this.#child.stdin?.write(`${statement};\n\\echo ${end}`)
    while (!this.#said.endsWith(end)) {
      if (!this.isOpen) throw new Error(`psql ended: ${this.#said}`)
      await new Promise<void>((resolve) => (this.#arrived = resolve))
    }
    return this.#said.slice(0, -end.length).trim()
  }

  /** Gives back what the session holds. */
  end(): void {
    this.#child.kill("SIGKILL")
  }
}
