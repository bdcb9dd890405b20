#include "core/pattern/program.h"

namespace wishbone::pattern {

namespace {

class Compiler {
  public:
    explicit Compiler(const Syntax& syntax) {
        program_.registers = 2 * syntax.groups;
        sequence(syntax.items);
        emit(Op::done);
    }

    Program take() { return std::move(program_); }

  private:
    using Op = Instruction::Op;

    int here() const { return static_cast<int>(program_.code.size()); }
    int emit(Op op, int first = 0, int second = 0) {
        program_.code.push_back({op, first, second});
        return here() - 1;
    }
    Instruction& at(int place) { return program_.code[static_cast<std::size_t>(place)]; }

    void sequence(const Sequence& items) {
        for (const Item& each : items) item(each);
    }

    void item(const Item& item) {
        using enum Item::Kind;
        switch (item.kind) {
            case set:
                program_.sets.push_back(item.set);
                emit(Op::set, static_cast<int>(program_.sets.size()) - 1);
                break;
            case place:
                emit(Op::place, static_cast<int>(item.place));
                break;
            case reference:
                emit(Op::reference, item.group, item.ignores_case);
                break;
            case group:
                if (item.group > 0) emit(Op::save, 2 * item.group);
                sequence(item.parts[0]);
                if (item.group > 0) emit(Op::save, 2 * item.group + 1);
                break;
            case atomic:
                inner(emit(Op::atomic), item.parts[0]);
                break;
            case look:
                program_.looks.push_back({item.is_behind, item.is_negative, item.width});
                inner(emit(Op::look, 0, static_cast<int>(program_.looks.size()) - 1), item.parts[0]);
                break;
            case branch:
                branches(item.parts);
                break;
            case conditional: {
                const int start = emit(Op::conditional, 0, item.group);
                sequence(item.parts[0]);
                const int end = emit(Op::jump);
                at(start).first = here();
                sequence(item.parts[1]);
                at(end).first = here();
                break;
            }
            case repeat:
                loop(item);
                break;
        }
    }

    /// A program of its own behind the instruction at `start`, which goes on behind it.
    void inner(int start, const Sequence& items) {
        sequence(items);
        emit(Op::done);
        at(start).first = here();
    }

    void branches(const std::vector<Sequence>& parts) {
        std::vector<int> ends;
        for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
            const int start = emit(Op::split, here() + 1);
            sequence(parts[i]);
            ends.push_back(emit(Op::jump));
            at(start).second = here();
        }
        sequence(parts.back());
        for (const int end : ends) at(end).first = here();
    }

    void loop(const Item& item) {
        const auto index = program_.loops.size();
        const int number = static_cast<int>(index);
        program_.loops.push_back(
            {item.least, item.most, item.greed, 0, 0, program_.registers, program_.registers + 1});
        program_.registers += 2;
        const bool is_possessive = item.greed == Greed::possessive;
        emit(is_possessive ? Op::possessive : Op::begin, number);
        program_.loops[index].body = here();
        sequence(item.parts[0]);
        if (is_possessive)
            emit(Op::done);
        else
            emit(Op::until, number);
        if (item.greed == Greed::lazy) emit(Op::more, number);
        program_.loops[index].exit = here();
    }

    Program program_;
};

}  // namespace

Program compile(const Syntax& syntax) { return Compiler(syntax).take(); }

}  // namespace wishbone::pattern
