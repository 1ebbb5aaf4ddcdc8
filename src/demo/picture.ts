import { stripVTControlCharacters, styleText } from "node:util"
import type { Held, Role, Scene } from "./Scene.ts"

/** A narrower terminal gets sentences alone. */
export const fewestColumns = 78

/** Of what the boxes hold; each has 4 columns more. */
const [registryWidth, controllerWidth, nomadWidth] = [22, 10, 22] as const
const boxesWidth = registryWidth + controllerWidth + nomadWidth + 3 * 4
const longestWay = 14

/** Seven characters of a digest tell it from others, as in git. */
export const short = (digest: string): string => digest.replace("sha256:", "").slice(0, 7)

const fit = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)
const padded = (painted: string, width: number): string =>
  painted + " ".repeat(Math.max(0, width - stripVTControlCharacters(painted).length))

const held = ({ name, tag, digest }: Held): string =>
  `${fit(name, 4)} ${styleText("bold", fit(tag, 7))} ${styleText("dim", short(digest))}`

const box = (width: number, rows: ReadonlyArray<string>): ReadonlyArray<string> => [
  `╭${"─".repeat(width + 2)}╮`,
  ...rows.map((row) => `│ ${padded(row, width)} │`),
  `╰${"─".repeat(width + 2)}╯`
]

const roles: Record<Role, string> = {
  acts: styleText("green", "● acts"),
  waits: styleText("dim", "○ waits"),
  killed: styleText("red", "✖ killed")
}

/** An arrow; while something moves, a dot goes along it, by one place a frame. */
const way = (width: number, moves: boolean, frame: number): string => {
  const line = width - 3
  if (!moves) return ` ${styleText("dim", `${"─".repeat(line)}▶`)} `
  const at = frame % line
  return ` ${styleText("cyan", `${"━".repeat(at)}●${"━".repeat(line - at - 1)}▶`)} `
}

/** Registry → controller → Nomad, as lines that are shorter than `columns`. */
export const picture = (scene: Scene, frame: number, columns: number): ReadonlyArray<string> => {
  const wayWidth = Math.min(Math.floor((columns - 1 - boxesWidth - 1) / 2), longestWay)
  const boxes = [
    box(
      registryWidth,
      scene.registry.map((image) => `${image.isBad ? styleText("red", "✖") : " "} ${held(image)}`)
    ),
    box(
      controllerWidth,
      scene.instances.map(({ name, role }) => `${name} ${roles[role]}`)
    ),
    box(
      nomadWidth,
      scene.jobs.map(
        (job) => `${job.isRolling ? styleText("yellow", "◐") : styleText("green", "●")} ${held(job)}`
      )
    )
  ] as const
  const gap = " ".repeat(wayWidth)
  const titles = [
    padded(styleText("bold", "Registry"), registryWidth + 4),
    padded(styleText("bold", "Controller"), controllerWidth + 4),
    styleText("bold", "Nomad")
  ]
  const lines = boxes[0].map((line, row) => {
    const [left, right] =
      row === 1
        ? [way(wayWidth, scene.isReading, frame), way(wayWidth, scene.isDeploying, frame)]
        : [gap, gap]
    return ` ${line}${left}${boxes[1][row]}${right}${boxes[2][row]}`
  })
  return [`  ${titles.join(gap)}`, ...lines]
}
