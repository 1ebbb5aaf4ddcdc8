import { statementIn, statements } from "./statements.ts"

export interface TestRun {
  readonly target: "simulator" | "agent"
  readonly name: string
  readonly state: "passed" | "failed" | "skipped" | "pending"
  /** Why it was not run. */
  readonly note: string
}

export interface Row {
  readonly number: number
  readonly rule: string
  readonly simulator: string
  readonly agent: string
}

const shown = (run: TestRun | undefined): string => {
  if (run === undefined) return "no test"
  if (run.state === "passed") return "holds"
  return run.state === "failed" ? "FAILS" : `not run: ${run.note === "" ? "skipped" : run.note}`
}

/** One row for each statement, whatever was run; of tests with the same number the worst counts. */
export const rowsOf = (runs: ReadonlyArray<TestRun>): ReadonlyArray<Row> =>
  statements.map((number) => {
    const own = runs.filter(({ name }) => statementIn(name)?.number === number)
    const worst = (target: TestRun["target"]) => {
      const all = own.filter((run) => run.target === target)
      return all.find(({ state }) => state !== "passed") ?? all[0]
    }
    const [first] = own
    return {
      number,
      rule: first === undefined ? "" : (statementIn(first.name)?.rule ?? ""),
      simulator: shown(worst("simulator")),
      agent: shown(worst("agent"))
    }
  })

/** What keeps the contract from being whole: each statement must hold of the simulator, and fail of no agent. */
export const brokenBy = (rows: ReadonlyArray<Row>): ReadonlyArray<string> =>
  rows.flatMap(({ number, simulator, agent }) => [
    ...(simulator === "holds" ? [] : [`statement ${number}, simulator: ${simulator}`]),
    ...(agent === "FAILS" ? [`statement ${number}, agent: ${agent}`] : [])
  ])

const cell = (text: string): string => text.replaceAll("|", "\\|")

export const markdownOf = (rows: ReadonlyArray<Row>, version: string): string => {
  const count = (state: string) => rows.filter(({ agent }) => agent === state).length
  const lines = rows.map(
    ({ number, rule, simulator, agent }) => `| ${number} | ${cell(rule)} | ${simulator} | ${cell(agent)} |`
  )
  return `# The contract with Nomad, statement by statement

What of Nomad's HTTP API the product relies on, and whether it holds of the simulator that the tests and the demo use, and of a real
agent, here Nomad ${version}: ${count("holds")} of ${rows.length} were seen to hold. Written by \`npm run contract -- --write\`; the tests are
in \`test/contract/nomad\`.

| # | statement | simulator | agent ${version} |
|---|---|---|---|
${lines.join("\n")}
`
}

/** For a terminal: a line a statement. */
export const textOf = (rows: ReadonlyArray<Row>, version: string): string => {
  const [simulator, agent] = ["simulator", `agent ${version}`]
  const width = Math.max(...rows.map(({ rule }) => rule.length))
  const line = (number: string, rule: string, ofSimulator: string, ofAgent: string): string =>
    `${number.padStart(3)}  ${rule.padEnd(width)}  ${ofSimulator.padEnd(9)}  ${ofAgent}`
  return [
    line("#", "statement", simulator, agent),
    ...rows.map((row) => line(String(row.number), row.rule, row.simulator, row.agent))
  ].join("\n")
}
