import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { editJob } from "../../src/deployer/nomad/editJob.ts"
import { findTasks } from "../../src/deployer/nomad/findTasks.ts"
import { hclAttributes } from "../../src/deployer/nomad/hclAttributes.ts"
import { NomadJob } from "../../src/deployer/nomad/NomadJob.ts"
import { rewriteSubmission, type Submission } from "../../src/deployer/nomad/rewriteSubmission.ts"
import { attemptA, group, image, job, type Json, mapping, task } from "./jobs.ts"

const old = `${image}:1.2.3`
const now = `${image}:1.2.4@sha256:${"b".repeat(64)}`

/** Tasks `t` and `u` of group `g` and `t` of `h`, all of one image; the mapping names `t`. */
const one = job([group("g", [task("t", { image: old }), task("u", { image: old })])])
const two = job([group("g", [task("t", { image: old })]), group("h", [task("t", { image: old })])])
const alone = job([group("t", [task("t", { image: old })])])

const rewriting = (read: Json, stored: Partial<Submission> | "none" | "unreadable") => {
  const view = Schema.decodeUnknownSync(NomadJob)(read)
  const tasks = Result.getOrThrow(findTasks(mapping(), view))
  const sent = editJob(read, view, tasks, () => now, "digest", attemptA)
  const whole =
    typeof stored === "string"
      ? stored
      : { Source: "", Format: "hcl2", VariableFlags: {}, Variables: "", ...stored }
  return rewriteSubmission(
    whole,
    sent,
    tasks.map((mapped) => ({ task: mapped, image: now }))
  )
}

const inTask = (config: string, head = "") =>
  `${head}job "ca-web" {\n  group "g" {\n    task "t" {\n      driver = "docker"\n${config}\n    }\n    task "u" {\n      config { image = "${old}" } # ${old}\n    }\n  }\n}\n`
const literal = `      config {\n        image = "${old}" // ${old}\n        args = ["${old}", "image = \\"${old}\\""]\n      }`
const variable = (head: string) => inTask("config {\n image = var.img\n}", head)
const declared = (fallback: string) => `variable "img" {\n  type = string\n${fallback}}\n`

const text = (of: Submission) => JSON.stringify(of)

describe("S5: T6: an HCL source keeps everything but the old image at the image's place", () => {
  it.each<[string, Json, Partial<Submission>]>([
    [
      "a literal, not the same text in comments, arguments or an unmapped task",
      one,
      { Source: inTask(literal) }
    ],
    ["a block on one line", one, { Source: inTask(`config { image = "${old}" }`) }],
    ["a map for a block", one, { Source: inTask(`config = {\n "x" = 1, "image" : "${old}", "y" = 2 }`) }],
    [
      "after text that looks like a block",
      one,
      {
        Source: inTask(
          `/* config { image = "${old}" } */\n template { data = <<-EOT\n config {\n image = "${old}"\n  }\n  EOT\n }\n env { X = "\${join("}", ["{\\"$\{x}"])} $\${" }\n${literal}`
        )
      }
    ],
    [
      "both groups",
      two,
      {
        Source: `job "j" {\n group "g" { \n task "t" {\n config {\n image = "${old}"\n }\n }\n }\n group "h" {\n task "t" {\n config {\n image = "${old}"\n }\n }\n }\n}`
      }
    ],
    [
      "a task without a group",
      alone,
      { Source: `job "j" {\n task "t" {\n config {\n image="${old}"}\n }\n}` }
    ],
    [
      "a variable set by a flag",
      one,
      { Source: variable(declared("")), VariableFlags: { img: old, a: "b c" } }
    ],
    [
      "a variable in a template",
      one,
      { Source: inTask('config { image = "${var.img}" }', declared("")), VariableFlags: { img: old } }
    ],
    [
      "a variable set by a var-file",
      one,
      {
        Source: variable(declared("")),
        Variables: `# img = "${old}"\nother = "${old}"\nimg = "${old}"\nmap = {\n img = "${old}"\n}\n`
      }
    ],
    ["a variable's default", one, { Source: variable(declared(`  default = "${old}"\n`)) }],
    [
      "a tag in a variable",
      one,
      {
        Source: inTask(`config { image = "${image}:\${var.img}" }`, declared("")),
        VariableFlags: { img: "1.2.3" }
      }
    ],
    [
      "a tag after a variable",
      one,
      { Source: inTask('config { image = "${var.img}:1.2.3" }', declared(`  default = "${image}"\n`)) }
    ],
    [
      "a tag in a variable of two",
      one,
      {
        Source: inTask('config { image = "${var.img}:${ var.tag }" }', declared(`  default = "${image}"\n`)),
        VariableFlags: { other: "1.2.3" },
        Variables: `tag = "1.2.3"\n`
      }
    ],
    [
      "a part that is empty unless somebody sets it",
      one,
      { Source: inTask(`config { image = "\${var.img}${old}" }`, declared('  default = ""\n')) }
    ]
  ])("%s", (_, read, stored) => {
    const before = { Source: "", Format: "hcl2", VariableFlags: {}, Variables: "", ...stored }
    const after = rewriting(read, stored)
    assert.isDefined(after)
    assert.strictEqual(after.Format, "hcl2")
    // Putting the old tag back gives the text that was there: nothing else moved.
    const tag = now.slice(image.length + 1)
    assert.strictEqual(text(after).replaceAll(tag, "1.2.3"), text(before))
    assert.strictEqual(text(after).split(tag).length - 1, read === two ? 2 : 1)
    assert.notInclude(
      after.Source.slice(after.Source.indexOf('task "u"')).slice(0, 60),
      read === one ? tag : "\0"
    )
  })

  it.each<[string, Json, Partial<Submission>]>([
    ["a source that never had the image", one, { Source: inTask("") }],
    ["another image than the job has", one, { Source: inTask(`config { image = "${image}:1" }`) }],
    ["an image put together", one, { Source: inTask('config { image = "x:${var.tag}" }') }],
    [
      "an image put together otherwise",
      one,
      {
        Source: inTask('config { image = "other:${var.img}" }', declared("")),
        VariableFlags: { img: "1.2.3" }
      }
    ],
    [
      "a tag behind what nobody tells",
      one,
      {
        Source: inTask(`config { image = "\${var.name}${image}:\${var.img}" }`, declared("")),
        VariableFlags: { img: "1.2.3" }
      }
    ],
    [
      "a tag in a variable used elsewhere too",
      one,
      {
        Source: inTask(`config {\n image = "${image}:\${var.img}"\n args = [var.img]\n}`, declared("")),
        VariableFlags: { img: "1.2.3" }
      }
    ],
    [
      "a variable behind what changes",
      one,
      { Source: inTask(`config { image = "${old}\${var.img}" }`, declared("")), VariableFlags: { img: "" } }
    ],
    ["an image from a function", one, { Source: inTask('config { image = lower("x") }') }],
    ["an image that is not in the config", one, { Source: inTask(`env {\n image = "${old}"\n }`) }],
    ["a local", one, { Source: inTask("config { image = local.img }") }],
    ["a task that the text names twice", one, { Source: inTask(`${literal}\n${literal}`) }],
    ["one group of two", two, { Source: inTask(literal) }],
    [
      "a dynamic group",
      one,
      {
        Source: `job "j" {\n dynamic "group" {\n content {\n task "t" {\n config {\n image = "${old}"\n}\n}\n}\n}\n}`
      }
    ],
    [
      "an image in a deeper object",
      one,
      { Source: inTask(`config {\n mounts = [{\n image = "${old}"\n }]\n }`) }
    ],
    [
      "a variable with another value",
      one,
      { Source: variable(declared(`  default = "${old}"\n`)), VariableFlags: { img: "x" } }
    ],
    [
      "a var-file that hides the default",
      one,
      {
        Source: variable(declared(`  default = "${old}"\n`)),
        Variables: 'img = lower("x")\nimg = "y"'
      }
    ],
    [
      "a variable used elsewhere too",
      one,
      {
        Source: inTask("config {\n image = var.img\n args = [var.img]\n}", declared("")),
        VariableFlags: { img: old }
      }
    ],
    ["HCL 1", one, { Source: inTask(literal), Format: "hcl1" }],
    ["JSON", one, { Source: "{}", Format: "json" }]
  ])("%s becomes the job sent", (_, read, stored) => {
    const after = rewriting(read, stored)
    assert.isDefined(after)
    assert.deepStrictEqual(
      { ...after, Source: "" },
      {
        Source: "",
        Format: "json",
        VariableFlags: null,
        Variables: ""
      }
    )
    assert.include(after.Source, now)
    assert.include(after.Source, attemptA)
  })

  it("no source stays none, an empty one empty, an unreadable one becomes the job sent", () => {
    assert.isUndefined(rewriting(one, "none"))
    assert.strictEqual(rewriting(one, {})?.Source, "")
    assert.strictEqual(rewriting(one, "unreadable")?.Format, "json")
  })

  it.prop("X23: is total", [Schema.String], ([text]) => {
    for (const { start, end } of hclAttributes(text)) assert.isTrue(start < end && end <= text.length)
  })

  it("X23: nests as deep as it likes", () => {
    assert.isUndefined(hclAttributes('a = "'.concat('${"'.repeat(300_000)))[0]?.parts)
    assert.deepStrictEqual(hclAttributes("{".repeat(300_000)), [])
  })
})
