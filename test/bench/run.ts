// `npm run bench [-- NAME…]`: programs that measure, one after another, each a process of its own.
import { spawn } from "node:child_process"
import { text } from "node:stream/consumers"
import { parseArgs } from "node:util"

/** By the name of its file here; each prints its table, and a `Report` in the last line. */
const programs: Readonly<Record<string, string>> = {
  elect: "100,000 tags elected, beside a bare semver.parse of each",
  sweep: "CPU, requests and memory an answer: 1,000 repositories of 100 tags on a real docker-registry",
  idle: "what 1,000 repositories in sync cost a minute, and what a standby does",
  latency: "push → register accepted, told by a call and polled, beside the calls that cannot be spared",
  rollouts:
    "1,000 jobs rolling out at once: calls, CPU and memory while they do, and how late an end is seen",
  start: "start → ready on each kind of database, and kill -9 of the leader → the other acts"
}

const help = `npm run bench [-- NAME…] [--json] [--quick]

Measures, and prints what it measured beside what the machine can do without us (the ceiling).
All of them, or those that are named:
${Object.entries(programs)
  .map(([name, sentence]) => `  ${name.padEnd(9)} ${sentence}`)
  .join("\n")}

  --json    one JSON document for all, and no tables
  --quick   as small as can be: shows that they run; the figures mean nothing
  --help    this

One in turn; whatever else the machine does is in the figures. Exit codes: 0; 1 a program failed; 64 wrong use.
`

/** Answers what it printed where that is wanted as JSON, else lets it print; fails where it does. */
const measure = async (name: string, flags: ReadonlyArray<string>, json: boolean): Promise<string> => {
  process.stderr.write(`measuring: ${name}\n`)
  const file = new URL(`${name}.ts`, import.meta.url).pathname
  const child = spawn(process.execPath, [file, ...flags], {
    stdio: ["ignore", json ? "pipe" : "inherit", "inherit"]
  })
  const ended = new Promise<string>((resolve) =>
    child.once("exit", (code, signal) => resolve(signal ?? `${code}`))
  )
  const printed = child.stdout === null ? "" : await text(child.stdout)
  const how = await ended
  if (how !== "0") throw new Error(`${name} ended with ${how}`)
  return printed.trimEnd().split("\n").at(-1) ?? ""
}

const refuse = (message: string): never => {
  process.stderr.write(`bench: ${message}; see --help\n`)
  // EX_USAGE of sysexits.h
  process.exit(64)
}

const options = () => {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { json: { type: "boolean" }, quick: { type: "boolean" }, help: { type: "boolean" } }
    })
    return { ...values, names: positionals }
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

const { json = false, quick = false, help: isHelp, names } = options()
if (isHelp === true) {
  process.stdout.write(help)
  process.exit(0)
}
const unknown = names.filter((name) => !(name in programs))
if (unknown.length > 0) refuse(`there is no ${unknown.join(", ")}`)

const reports: Array<unknown> = []
for (const name of names.length > 0 ? names : Object.keys(programs)) {
  try {
    const printed = await measure(name, quick ? ["--quick"] : [], json)
    if (json) reports.push(JSON.parse(printed))
  } catch (error) {
    process.stderr.write(`${String(error)}\n`)
    process.exitCode = 1
  }
}
if (json) process.stdout.write(`${JSON.stringify(reports, null, 2)}\n`)
