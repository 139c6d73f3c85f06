#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns a BPF object file into a C header for lib/collect/program.c.

usage: embed.py OBJECT NAME OUTPUT

The header holds the instructions, where the memory and maps go in, and which instructions depend on
the layout of the running kernel's types, by name: what a loader takes from an object file, without
an object file to be read when the program runs.
"""

import struct
import sys

BPF_LD_IMM64 = 0x18
BPF_MEMORY_CLASSES = (1, 2, 3)  # LDX, ST, STX: the offset is the address's
PSEUDO_MAP_FD, PSEUDO_MAP_VALUE, PSEUDO_FUNC, PSEUDO_CALL = 1, 2, 4, 1
SHT_SYMTAB, SHT_REL = 2, 9
KIND_PTR, KIND_ARRAY, KIND_STRUCT, KIND_UNION = 2, 3, 4, 5
KIND_NAMES_ANOTHER = (8, 9, 10, 11, 18)  # typedef, volatile, const, restrict, type tag
RELO_BYTE_OFFSET, RELO_EXISTS, RELO_TYPE_SIZE = 0, 2, 9


def text_at(strings, at):
    return strings[at:strings.index(b"\0", at)].decode()


class Elf:
    """The sections and symbols of a 64-bit little-endian object."""

    def __init__(self, data):
        assert data[:6] == b"\x7fELF\x02\x01", "no 64-bit little-endian ELF object"
        offset, = struct.unpack_from("<Q", data, 40)
        size, count, names = struct.unpack_from("<HHH", data, 58)
        rows = [struct.unpack_from("<IIQQQQIIQQ", data, offset + i * size) for i in range(count)]
        bytes_of = [b"" if row[1] == 8 else data[row[4]:row[4] + row[5]] for row in rows]
        self.names = [text_at(bytes_of[names], row[0]) for row in rows]
        self.bytes = dict(zip(self.names, bytes_of))
        table = next(i for i, row in enumerate(rows) if row[1] == SHT_SYMTAB)
        self.symbols = []
        for fields in struct.iter_unpack("<IBBHQQ", bytes_of[table]):
            name = text_at(bytes_of[rows[table][6]], fields[0])
            section = self.names[fields[3]] if fields[3] < count else ""
            self.symbols.append((name, section, fields[4], fields[1] & 15))
        self.relocations = {
            self.names[row[7]]: [(at, self.symbols[info >> 32])
                                 for at, info in struct.iter_unpack("<QQ", bytes_of[i])]
            for i, row in enumerate(rows) if row[1] == SHT_REL}


class Types:
    """What the object says of the types that it was compiled with (BTF)."""

    def __init__(self, data):
        header, types, n_types, strings = struct.unpack_from("<IIII", data, 4)
        self.strings = data[header + strings:]
        self.types = [None]
        at, end = header + types, header + types + n_types
        while at < end:
            name, info, size = struct.unpack_from("<III", data, at)
            kind, n = info >> 24 & 31, info & 0xffff
            at += 12
            members = []
            if kind in (KIND_STRUCT, KIND_UNION):
                members = [struct.unpack_from("<III", data, at + 12 * i) for i in range(n)]
            at += {1: 4, 3: 12, 14: 4, 17: 4}.get(kind, 0)
            at += n * {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}.get(kind, 0)
            self.types.append((kind, text_at(self.strings, name), size, members))

    def plain(self, number):
        while self.types[number][0] in KIND_NAMES_ANOTHER:
            number = self.types[number][2]
        return self.types[number]

    def path(self, number, accesses):
        """The members that an access passes through, each with the name of its struct."""
        assert accesses[0] == 0, "an array of structs"
        result = []
        kind, name, _, members = self.plain(number)
        for access in accesses[1:]:
            assert kind in (KIND_STRUCT, KIND_UNION), "an index into an array"
            member, number, bits = members[access]
            if name:
                result.append((name, text_at(self.strings, member)))
            else:
                assert bits == 0, "not the first member of a type without a name"
            kind, name, _, members = self.plain(number)
        return result


def relos(types, extra, start_of):
    """Yields (instruction, struct, member or None, what of it is to be added)."""
    header, = struct.unpack_from("<I", extra, 4)
    offset, length = struct.unpack_from("<II", extra, 24)
    at, end = header + offset + 4, header + offset + length
    while at < end:
        section, n = struct.unpack_from("<II", extra, at)
        at += 8
        for _ in range(n):
            byte, number, access, kind = struct.unpack_from("<IIII", extra, at)
            at += 16
            where = start_of[text_at(types.strings, section)] + byte // 8
            if kind == RELO_TYPE_SIZE:
                yield where, types.plain(number)[1], None, "PROGRAM_SIZE"
                continue
            assert kind in (RELO_BYTE_OFFSET, RELO_EXISTS), f"relocation of kind {kind}"
            accesses = [int(i) for i in text_at(types.strings, access).split(":")]
            path = types.path(number, accesses)
            if kind == RELO_EXISTS:
                yield where, *path[-1], "PROGRAM_EXISTS"
                continue
            for name, member in path:
                yield where, name, member, "PROGRAM_OFFSET"


def forget_offset(code, insn):
    """The loader adds to what is there: not to what our own types say."""
    opcode, registers, offset, imm = struct.unpack_from("<BBhi", code, insn * 8)
    if opcode & 7 in BPF_MEMORY_CLASSES:
        offset = 0
    else:
        imm = 0
    struct.pack_into("<BBhi", code, insn * 8, opcode, registers, offset, imm)


def main(object_path, name, output_path):
    with open(object_path, "rb") as file:
        elf = Elf(file.read())
    entry = next(section for section in elf.names if section.startswith("iter/"))
    start_of = {entry: 0, ".text": len(elf.bytes[entry]) // 8}
    code = bytearray(elf.bytes[entry] + elf.bytes.get(".text", b""))
    functions = sorted(start_of[section] + value // 8 for _, section, value, kind in elf.symbols
                       if kind == 2 and section in start_of)
    uses = []
    for section, start in start_of.items():
        for at, (symbol, target, value, _) in elf.relocations.get(section, []):
            insn = start + at // 8
            opcode, registers, _, imm = struct.unpack_from("<BBhi", code, insn * 8)
            if target in start_of:
                # To a function: as far from the next instruction.
                to = start_of[target] + (value + (imm if opcode == BPF_LD_IMM64 else 8 * imm + 8)) // 8
                pseudo = PSEUDO_FUNC if opcode == BPF_LD_IMM64 else PSEUDO_CALL
                imm = to - insn - 1
            elif target == ".maps":
                pseudo, imm = PSEUDO_MAP_FD, 0
                uses.append((insn, f"PROGRAM_{symbol.upper()}"))
            else:
                assert target == ".bss", f"a reference to {symbol} in {target}"
                pseudo = PSEUDO_MAP_VALUE
                struct.pack_into("<i", code, insn * 8 + 12, value + imm)
                imm = 0
                uses.append((insn, "PROGRAM_MEMORY"))
            struct.pack_into("<BBhi", code, insn * 8, opcode, registers & 15 | pseudo << 4, 0, imm)
    types = Types(elf.bytes[".BTF"])
    rows = list(relos(types, elf.bytes[".BTF.ext"], start_of))
    for insn in {row[0] for row in rows}:
        forget_offset(code, insn)
    with open(output_path, "w", encoding="ascii") as file:
        file.write(f"/* Written by embed.py from {name}.bpf.c. */\n")
        file.write(f"static const uint64_t {name}_code[] = {{\n")
        for word, in struct.iter_unpack("<Q", code):
            file.write(f"\t0x{word:016x},\n")
        file.write(f"}};\nstatic const uint32_t {name}_functions[] = {{\n")
        for function in functions:
            file.write(f"\t{function},\n")
        file.write(f"}};\nstatic const struct program_use {name}_uses[] = {{\n")
        for insn, what in uses:
            file.write(f"\t{{ {insn}, {what} }},\n")
        file.write(f"}};\nstatic const struct program_relo {name}_relos[] = {{\n")
        for insn, of, member, what in rows:
            member = f'"{member}"' if member else "NULL"
            file.write(f'\t{{ {insn}, {what}, "{of}", {member} }},\n')
        file.write(f"}};\nstatic const struct program_image {name}_image = PROGRAM_IMAGE({name}, "
                   f'"bpf_{entry.replace("/", "_")}");\n')


if __name__ == "__main__":
    main(*sys.argv[1:])
