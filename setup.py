"""Builds the Cython rooms of uacfast/ and the plain C leaves of csrc/ that they stand on.

Environment switches:
  UACFAST_SANITIZE=1   AddressSanitizer and UndefinedBehaviorSanitizer (run Python with libasan preloaded)
  UACFAST_TRACE=1      Cython line tracing and profiling hooks
  UACFAST_STRICT=1     every warning of the C compiler is an error
A build with other switches than the last one begins from nothing.
"""
import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SANITIZE = os.environ.get("UACFAST_SANITIZE") == "1"
TRACE = os.environ.get("UACFAST_TRACE") == "1"
STRICT = os.environ.get("UACFAST_STRICT") == "1"

COMPILE_ARGS = ["-std=gnu11", "-Wall", "-Wextra", "-g0"]
# Cython's own output cannot avoid these; csrc/ is compiled without the exceptions.
CYTHON_ARGS = ["-Wno-unused-parameter", "-Wno-missing-field-initializers", "-Wno-cast-function-type",
               "-Wno-unused-function", "-Wno-sign-compare"]
if STRICT:
    COMPILE_ARGS += ["-Werror"]
LINK_ARGS = []
if SANITIZE:
    COMPILE_ARGS += ["-O1", "-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
    LINK_ARGS += ["-fsanitize=address,undefined"]
    # Greenlets move stacks about: guards in the frames that are on them would be seen where others stand by then.
    CYTHON_ARGS += ["--param=asan-stack=0"]
else:
    COMPILE_ARGS += ["-O3", "-fno-semantic-interposition", "-fno-plt"]

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": True,
    "legacy_implicit_noexcept": False,
}
MACROS = []
if TRACE:
    DIRECTIVES |= {"linetrace": True, "profile": True}
    MACROS += [("CYTHON_TRACE", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]

LEAVES_LIBRARY = "libuacfast_leaves.so"
LEAVES = sorted(str(path) for path in Path("csrc").glob("*.c"))
# What everything compiled depends on; the flags stand in this file.
COMMON = ["setup.py", *sorted(str(path) for path in Path("csrc").glob("*.h"))]

# Objects and generated C of another kind of build look up to date and are not.
VARIANT = f"sanitize={SANITIZE:d} trace={TRACE:d}"
VARIANT_FILE = Path("build", "variant")
OTHER_VARIANT = VARIANT_FILE.exists() and VARIANT_FILE.read_text() != VARIANT


class BuildWithLeaves(build_ext):
    """Links the C leaves into one shared library that all extensions use.

    One copy of the scanner and the parsers means one set of cache lines; a copy in every extension was slower.
    """

    def finalize_options(self):
        super().finalize_options()
        if self.parallel is None:
            self.parallel = os.cpu_count() or 1
        if self.editable_mode:
            # setuptools would build in a temporary folder; here `setup.py build_ext --inplace` goes on from it.
            self.build_temp = str(Path("build", f"temp.{self.plat_name}-{sys.implementation.cache_tag}"))
            self.build_lib = str(Path("build", f"lib.{self.plat_name}-{sys.implementation.cache_tag}"))
        self.force = self.force or OTHER_VARIANT

    def build_extensions(self):
        build_folder = Path(self.build_temp)
        build_folder.mkdir(parents=True, exist_ok=True)
        objects = [self._leaf(source, build_folder) for source in LEAVES]
        library = self._library()
        library.parent.mkdir(parents=True, exist_ok=True)
        newest = max(os.stat(name).st_mtime for name in objects)
        if self.force or not library.exists() or library.stat().st_mtime < newest:
            self.compiler.link_shared_object(objects, str(library),
                                             extra_postargs=[*LINK_ARGS, f"-Wl,-soname,{LEAVES_LIBRARY}"])
        for extension in self.extensions:
            extension.extra_objects.append(str(library))
            extension.depends.append(str(library))
            up = "/".join([".."] * (extension.name.count(".") - 1))
            extension.extra_link_args.append(f"-Wl,-rpath,$ORIGIN/{up}/leaves")
        super().build_extensions()
        VARIANT_FILE.parent.mkdir(exist_ok=True)
        VARIANT_FILE.write_text(VARIANT)

    def copy_extensions_to_source(self):
        super().copy_extensions_to_source()
        self.copy_file(str(self._library()), str(Path("uacfast", "leaves", LEAVES_LIBRARY)), level=self.verbose)

    def get_outputs(self):
        return [*super().get_outputs(), str(self._library())]

    def _library(self):
        return Path(self.build_lib, "uacfast", "leaves", LEAVES_LIBRARY)

    def _leaf(self, source, build_folder):
        target = build_folder / (Path(source).stem + ".leaf.o")
        newest = max(Path(name).stat().st_mtime for name in [source, *COMMON])
        if self.force or not target.exists() or target.stat().st_mtime < newest:
            compiled, = self.compiler.compile([source], output_dir=self.build_temp, include_dirs=["csrc"],
                                              extra_postargs=COMPILE_ARGS)
            os.replace(compiled, target)
        return str(target)


def extensions():
    for path in sorted(Path("uacfast").rglob("*.pyx")):
        name = ".".join(path.with_suffix("").parts)
        yield Extension(name, [str(path)], include_dirs=["csrc"], define_macros=MACROS,
                        depends=COMMON, extra_compile_args=COMPILE_ARGS + CYTHON_ARGS,
                        extra_link_args=[*LINK_ARGS, "-Wl,--gc-sections", "-Wl,-z,now"])


setup(
    ext_modules=cythonize(list(extensions()), compiler_directives=DIRECTIVES, include_path=["."],
                          force=OTHER_VARIANT, nthreads=os.cpu_count() or 1),
    cmdclass={"build_ext": BuildWithLeaves},
)
