#pragma once

#include <functional>
#include <string>
#include <vector>

namespace wishbone::cuda {

/// A library of NVIDIA's that is loaded by name when it is first needed: nothing of it is linked, so the same runner works
/// where there is none.
struct SharedLibrary {
    std::string name;                 ///< for people: "cuBLASLt 13"
    std::string soname;               ///< "libcublasLt.so.13"
    std::string other_name;           ///< tried last, by the loader alone; may be empty
    std::string variable;             ///< of the environment, that may name the file
    std::vector<std::string> wheels;  ///< folders within site-packages where NVIDIA's wheels keep it
    std::string advice;               ///< where it is to be had
};

/// Whether the library of a path is usable, loading it; `why_not` says what is wrong with it.
using LoadLibrary = std::function<bool(const std::string& path, std::string& why_not)>;

/// Loads the file `named`, or the one the variable names; a library that is asked for by name is used or refused, never replaced
/// by another. Else searches: the loader's own places, CUDA toolkits, and the wheels of the Python environments in reach.
/// Throws Error(bad_input) when there is none that will do.
void load_library(const SharedLibrary& library, const std::string& named, const LoadLibrary& load);

/// Opens `path` and looks up functions. Nothing is left open where one is missing.
class OpenLibrary {
  public:
    /// Null handle, and `why_not` set, where it cannot be loaded.
    OpenLibrary(const std::string& path, std::string& why_not);
    ~OpenLibrary();
    OpenLibrary(const OpenLibrary&) = delete;
    OpenLibrary& operator=(const OpenLibrary&) = delete;

    explicit operator bool() const { return handle_ != nullptr; }
    /// Sets `function`; false, and `why_not` set, where there is none of that name.
    template <typename Function>
    bool resolve(Function& function, const char* name, std::string& why_not) const {
        void* const symbol = find(name);
        if (symbol == nullptr && why_not.empty()) why_not = std::string("it has no function ") + name;
        function = reinterpret_cast<Function>(symbol);
        return symbol != nullptr;
    }
    /// From now on it stays loaded to the end of the process: the CUDA runtime may hold its kernels.
    void keep() { keep_ = true; }

  private:
    void* find(const char* name) const;

    void* handle_;
    bool keep_ = false;
};

/// The file that a function of a library was loaded from, or `otherwise`.
std::string file_of(const void* function, const std::string& otherwise);

}  // namespace wishbone::cuda
