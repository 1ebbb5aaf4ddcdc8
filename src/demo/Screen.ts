import { Effect, type Scope } from "effect"
import { styleText } from "node:util"
import { picture, fewestColumns } from "./picture.ts"
import { rowsOf } from "./rowsOf.ts"
import type { Scene } from "./Scene.ts"
import { wrap } from "./wrap.ts"

/** Something that happened: words for people, facts for programs. */
export interface Happened {
  readonly step: string
  /** What, in one sentence. */
  readonly what: string
  /** Why, in the controller's own words. */
  readonly why: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** What the story is told on. */
export interface Screen {
  /** What is being done now. `about`: the repositories whose sentence is shown beside it. */
  doing(words: string, about?: ReadonlyArray<string>): Effect.Effect<void>
  happened(step: Happened): Effect.Effect<void>
  /** For programs alone. */
  note(step: string, facts: Happened["facts"]): Effect.Effect<void>
  /** Lines for people, as they are. */
  print(lines: ReadonlyArray<string>): Effect.Effect<void>
  /** Shows what this reads, again and again, until the scope ends. */
  follow(read: Effect.Effect<Scene, unknown>): Effect.Effect<void, never, Scope.Scope>
}

const write = (text: string) => Effect.sync(() => void process.stdout.write(text))

/** One object a line. */
const jsonScreen: Screen = {
  doing: () => Effect.void,
  happened: ({ step, what, why, facts }) => write(`${JSON.stringify({ step, ...facts, what, why })}\n`),
  note: (step, facts) => write(`${JSON.stringify({ step, ...facts })}\n`),
  print: () => Effect.void,
  follow: () => Effect.void
}

const told = ({ what, why }: Happened, columns: number): ReadonlyArray<string> => {
  const [first = "", ...others] = wrap(what, columns, "  ")
  return [
    `${styleText("green", "✔")}${first.slice(1)}`,
    ...others,
    ...(why === "" ? [] : wrap(`“${why}”`, columns, "    ").map((line) => styleText("dim", line))),
    ""
  ]
}

const lineColumns = 100

/** Sentences alone: for a file, a pipe, a terminal that is too small or can not move its cursor. */
const linesScreen = (columns: number): Screen => ({
  doing: (words) => (words === "" ? Effect.void : write(`  ${styleText("dim", `${words} …`)}\n`)),
  happened: (step) => write(`${told(step, columns).join("\n")}\n`),
  note: () => Effect.void,
  print: (lines) => write(`${lines.join("\n")}\n`),
  follow: () => Effect.void
})

const fewestRows = 20
const isTooSmall = (): boolean => process.stdout.columns < fewestColumns || process.stdout.rows < fewestRows

const framesApart = "100 millis"
const readsApart = "250 millis"
const spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

/** What happened, and below it the picture of now, redrawn in place. */
const liveScreen = Effect.fnUntraced(function* (): Effect.fn.Return<Screen, never, Scope.Scope> {
  const now = { words: "", about: [] as ReadonlyArray<string>, scene: undefined as Scene | undefined }
  let frame = 0
  let drawn: ReadonlyArray<string> = []
  const lines = (): ReadonlyArray<string> => {
    const columns = Math.min(process.stdout.columns, lineColumns) - 1
    const { words, about, scene } = now
    const spun = styleText("cyan", spinner[frame % spinner.length] ?? "")
    return [
      // A window may be made smaller at any time.
      ...(scene === undefined || isTooSmall() ? [] : [...picture(scene, frame, columns + 1), ""]),
      ...(words === "" ? [] : wrap(words, columns, "  ")).map((line, at) =>
        at === 0 ? `${spun}${line.slice(1)}` : line
      ),
      ...about.flatMap((name) =>
        wrap(scene?.why.get(name) ?? "", columns, "    ").map((line) => styleText("dim", line))
      )
    ]
  }
  /** In one write, so that no half of it is seen: up, each line over its predecessor, what is left below cleared. */
  const draw = (above: ReadonlyArray<string> = []) => {
    const below = lines()
    const rows = rowsOf(drawn, process.stdout.columns)
    const up = rows === 0 ? "\r" : `\r\u001b[${rows}A`
    process.stdout.write(`${up}${[...above, ...below].map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`)
    drawn = below
  }
  yield* Effect.acquireRelease(write("\u001b[?25l"), () => write("\u001b[?25h"))
  yield* Effect.sync(() => {
    frame += 1
    draw()
  }).pipe(Effect.delay(framesApart), Effect.forever, Effect.forkScoped)
  return {
    doing: (words, about = []) =>
      Effect.sync(() => {
        Object.assign(now, { words, about })
        draw()
      }),
    happened: (step) =>
      Effect.sync(() => {
        Object.assign(now, { words: "", about: [] })
        draw(told(step, Math.min(process.stdout.columns, lineColumns) - 1))
      }),
    note: () => Effect.void,
    print: (above) => Effect.sync(() => draw(above)),
    follow: (read) =>
      Effect.ignore(Effect.map(read, (scene) => void (now.scene = scene))).pipe(
        Effect.delay(readsApart),
        Effect.forever,
        // What it showed is not so any more.
        Effect.ensuring(Effect.sync(() => void (now.scene = undefined))),
        Effect.forkScoped,
        Effect.asVoid
      )
  }
})

/** The screen that stdout can be. */
export const makeScreen = (isJson: boolean): Effect.Effect<Screen, never, Scope.Scope> =>
  Effect.suspend(() => {
    if (isJson) return Effect.succeed(jsonScreen)
    if (!process.stdout.isTTY) return Effect.succeed(linesScreen(lineColumns))
    return process.env["TERM"] === "dumb" || isTooSmall()
      ? Effect.succeed(linesScreen(process.stdout.columns))
      : liveScreen()
  })
