import { type Built, sha256 } from "../../src/sim/registry/image.ts"

/** A Linux program for x86-64 that writes the text and sleeps for ever: no compiler and no base image is needed. */
const program = (text: string): Buffer => {
  const words = Buffer.from(text)
  const base = 0x40_0000n
  // write(1, text, length), then pause() again and again.
  const code = Buffer.from(
    "b801000000 bf01000000 48be0000000000000000 ba00000000 0f05 b822000000 0f05 ebf7".replaceAll(" ", ""),
    "hex"
  )
  const head = 64 + 56
  code.writeBigUInt64LE(base + BigInt(head + code.length), 12)
  code.writeUInt32LE(words.length, 21)
  const size = BigInt(head + code.length + words.length)
  const elf = Buffer.alloc(64)
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  elf.writeUInt16LE(2, 16)
  elf.writeUInt16LE(62, 18)
  elf.writeUInt32LE(1, 20)
  elf.writeBigUInt64LE(base + BigInt(head), 24)
  elf.writeBigUInt64LE(64n, 32)
  elf.writeUInt16LE(64, 52)
  elf.writeUInt16LE(56, 54)
  elf.writeUInt16LE(1, 56)
  // One segment, loaded whole, readable and executable.
  const segment = Buffer.alloc(56)
  segment.writeUInt32LE(1, 0)
  segment.writeUInt32LE(5, 4)
  for (const at of [16, 24]) segment.writeBigUInt64LE(base, at)
  for (const at of [32, 40]) segment.writeBigUInt64LE(size, at)
  segment.writeBigUInt64LE(0x1000n, 48)
  return Buffer.concat([elf, segment, code, words])
}

/** A tar of one executable file. */
const archive = (name: string, content: Buffer): Buffer => {
  const head = Buffer.alloc(512)
  head.write(name, 0)
  head.write("0000755\0", 100)
  head.write("0000000\0", 108)
  head.write("0000000\0", 116)
  head.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124)
  head.write("00000000000\0", 136)
  head.write("        ", 148)
  head.write("0", 156)
  head.write("ustar\u000000", 257)
  const sum = head.reduce((all, byte) => all + byte, 0)
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148)
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512)
  return Buffer.concat([head, content, padding, Buffer.alloc(1024)])
}

const descriptor = (mediaType: string, blob: Buffer) => ({
  mediaType: `application/vnd.docker.${mediaType}`,
  size: blob.length,
  digest: sha256(blob)
})

/** An image whose program writes this text and sleeps, as docker builds them. */
export const sleepingImage = (text: string): Built => {
  const layer = archive("sleep", program(text))
  const config = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Entrypoint: ["/sleep"] },
      rootfs: { type: "layers", diff_ids: [sha256(layer)] }
    })
  )
  const mediaType = "application/vnd.docker.distribution.manifest.v2+json"
  const body = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: descriptor("container.image.v1+json", config),
      layers: [descriptor("image.rootfs.diff.tar", layer)]
    })
  )
  return { mediaType, body, blobs: [layer, config] }
}
