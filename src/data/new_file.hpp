#pragma once
// Moved: every room writes whole files by raven/core/new_file.hpp. Include that.
#include "raven/core/new_file.hpp"
