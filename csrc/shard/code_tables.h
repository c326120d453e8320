// The codes of a shard's rows and picks, and what they can exclude.
#pragma once

#include <vector>

#include "codes/code.h"
#include "codes/code_bounds.h"
#include "codes/code_panels.h"
#include "codes/codes.h"

namespace pyuniform {

struct CodeTables {
  const CodeBounds bounds;
  Codes rows;  // empty where they are not kept
  CodePanels panels;
  std::vector<Code> picks;
};

}  // namespace pyuniform
