import { readdirSync, readFileSync } from "node:fs"

export const root = new URL("../..", import.meta.url).pathname

/** What readers are given, in the order in which they are led through it. Decisions are for those who change it. */
export const documents: ReadonlyArray<string> = [
  "README.md",
  ...["why", "api", "configuration", "operations", "nomad-contract"].map((name) => `docs/${name}.md`)
]
/** Documents that nobody is led to, or that were forgotten above. */
export const unlisted = readdirSync(`${root}docs`)
  .filter((file) => file.endsWith(".md"))
  .map((file) => `docs/${file}`)
  .filter((file) => !documents.includes(file))

export const read = (file: string): string => readFileSync(root + file, "utf8")

/** A shell command as it stands in a document. */
export interface Command {
  /** `README.md:31`. */
  readonly place: string
  /** Every line of it, comments and all. */
  readonly text: string
  /** Without the comment at its end and the indentation: what the tables of the test name it by. */
  readonly name: string
}

const fence = /^( *)```sh\n(.*?)^\1```$/gms

/** The commands of a document's `sh` blocks, in their order. */
export const commandsOf = (file: string): ReadonlyArray<Command> => {
  const text = read(file)
  return [...text.matchAll(fence)].flatMap(({ index, 1: indent = "", 2: block = "" }) => {
    const first = text.slice(0, index).split("\n").length + 1
    const lines = block.split("\n").map((line) => line.replace(new RegExp(`^${indent}`), ""))
    return split(lines).map(({ at, text, name }) => ({ place: `${file}:${first + at}`, text, name }))
  })
}

/** Lines are one command while a quote or a here-document is open. */
const split = (lines: ReadonlyArray<string>) => {
  const commands: Array<{ readonly at: number; readonly text: string; readonly name: string }> = []
  let open: Array<string> = []
  let end: string | null = null
  for (const [at, line] of lines.entries()) {
    if (open.length === 0 && line.trim() === "") continue
    open.push(line)
    if (end !== null && line !== end) continue
    end = end === null ? (/<<'(\w+)'$/.exec(line)?.[1] ?? null) : null
    const name = withoutComment(open.join("\n"))
    if (end !== null || name === null) continue
    commands.push({ at: at - open.length + 1, text: open.join("\n"), name })
    open = []
  }
  if (open.length > 0) throw new Error(`a command does not end: ${open.join("\n")}`)
  return commands
}

/** Null while a quote is open. */
const withoutComment = (text: string): string | null => {
  let quote = ""
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? ""
    if (quote === "" && character === "#" && /\s/.test(text[at - 1] ?? " ")) return text.slice(0, at).trim()
    if (quote === "" && (character === '"' || character === "'")) quote = character
    else if (character === quote) quote = ""
  }
  return quote === "" ? text.trim() : null
}

/** Cells of the rows of the tables whose first column has this title; of one section, where that is given. */
export const rowsOf = (
  file: string,
  title: string,
  section?: string
): ReadonlyArray<ReadonlyArray<string>> => {
  const found: Array<ReadonlyArray<string>> = []
  let isIn = false
  let heading = ""
  for (const line of read(file).split("\n")) {
    heading = /^#+ (.+)$/.exec(line)?.[1] ?? heading
    if (section !== undefined && heading !== section) continue
    const cells = line.startsWith("|") ? line.split(/(?<!\\)\|/).slice(1, -1) : []
    if (cells.length === 0) isIn = false
    else if (cells[0]?.trim() === title) isIn = true
    else if (isIn && !/^[-| ]+$/.test(line)) found.push(cells.map((cell) => cell.trim()))
  }
  return found
}

/** `x` of "`x`"; undefined for a cell that is something else. */
export const codeIn = (cell: string | undefined): string | undefined => /^`([^`]+)`$/.exec(cell ?? "")?.[1]
