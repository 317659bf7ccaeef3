"""NVIDIA's documents, and the texts in which they were read."""

from __future__ import annotations

from .row import Document

_NVIDIA = "https://www.nvidia.com/content/dam/en-zz/Solutions"
_LIGHTNING = "github.com/Lightning-AI/pytorch-lightning, throughput.py"
_SPECS = "github.com/winston-zhang-orz/gpu-specs, specs.md"
_SURVEY = "a survey of NVIDIA's documents on GitHub, of 2026-07-31"
_RECORDS = "verified records of Jetson data sheets on GitHub, of 2026-09-12"
_FP8_POST = "a post of github.com/gau-nernst on FP8 products"

V100_SHEET = Document(
    "NVIDIA V100 Tensor Core GPU data sheet",
    "https://images.nvidia.com/content/technologies/volta/pdf/"
    "volta-v100-datasheet-update-us-1165301-r5.pdf",
    "revision 1165301-r5",
    _LIGHTNING,
)
AMPERE_BLOG = Document(
    "NVIDIA Ampere Architecture In-Depth",
    "https://developer.nvidia.com/blog/nvidia-ampere-architecture-in-depth/",
    "2020",
    "a copy on GitHub",
)
T4_SHEET = Document(
    "NVIDIA T4 Tensor Core GPU data sheet",
    f"{_NVIDIA}/Data-Center/tesla-t4/t4-tensor-core-datasheet-951643.pdf",
    "revision 951643",
    f"{_LIGHTNING}, and the documentation of Yandex Cloud",
)
A100_40GB_SHEET = Document(
    "NVIDIA A100 Tensor Core GPU data sheet",
    f"{_NVIDIA}/Data-Center/a100/pdf/nvidia-a100-datasheet-us-nvidia-1758950-r4-web.pdf",
    "revision 1758950-r4",
    f"https://glennklockwood.com/garden/processors/A100 and {_SPECS}",
)
A100_80GB_SHEET = Document(
    "NVIDIA A100 Tensor Core GPU data sheet",
    f"{_NVIDIA}/Data-Center/a100/pdf/nvidia-a100-datasheet-nvidia-us-2188504-web.pdf",
    "May 2022",
    _SURVEY,
)
A10_SHEET = Document(
    "NVIDIA A10 Tensor Core GPU data sheet",
    f"{_NVIDIA}/Data-Center/a10/pdf/a10-datasheet.pdf",
    "read 2026-09-09",
    f"github.com/DS436/sanskrit-token, and {_SPECS}",
)
H100_PAPER = Document(
    "NVIDIA H100 Tensor Core GPU Architecture, tables 1 and 3",
    "https://nvdam.widen.net/s/95bdhpsgrs/"
    "nvidia_h100_tensor_core_gpu_architecture_whitepaper_v1.03",
    "version 1.04",
    "https://glennklockwood.com/garden/processors/h100",
)
H100_SHEET = Document(
    "NVIDIA H100 Tensor Core GPU data sheet",
    "https://resources.nvidia.com/en-us-tensor-core/nvidia-tensor-core-gpu-datasheet",
    "2022",
    "https://archive-lib.hpctech.co.jp/gpuproduct/nvidia-h100.html",
)
H100_PAGE = Document(
    "NVIDIA H100 GPU, product specifications",
    "https://www.nvidia.com/en-us/data-center/h100/",
    "read 2026-05-06",
    "hardware presets and lecture notes on GitHub that copy its table",
)
H200_SHEET = Document(
    "NVIDIA H200 Tensor Core GPU data sheet",
    "https://www.megware.com/fileadmin/user_upload/LandingPage%20NVIDIA/NVIDIA_H200_Datasheet.pdf",
    "July 2024",
    _SURVEY,
)
H200_PAGE = Document(
    "NVIDIA H200 GPU, product specifications",
    "https://www.nvidia.com/en-us/data-center/h200/",
    "read 2025 or later",
    "notes on hardware on GitHub that copy its table",
)
L4_SHEET = Document(
    "NVIDIA L4 Tensor Core GPU data sheet",
    "https://resources.nvidia.com/en-us-gpu-resources/l4-tensor-datasheet",
    "read 2025 or later",
    _SPECS,
)
L40_SHEET = Document(
    "NVIDIA L40 GPU data sheet",
    f"{_NVIDIA}/design-visualization/support-guide/NVIDIA-L40-Datasheet-January-2023.pdf",
    "November 2022",
    _SURVEY,
)
L40S_SHEET = Document(
    "NVIDIA L40S GPU data sheet",
    "https://www.pny.com/en-eu/File%20Library/Professional/DATASHEET/DATA%20CENTER%20CARDS/"
    "PNY-NVIDIA-L40S-Datasheet.pdf",
    "August 2023",
    _SURVEY,
)
BLACKWELL_SHEET = Document(
    "NVIDIA Blackwell data sheet, individual Blackwell GPU specifications",
    "https://nvdam.widen.net/s/wwnsxrhm2w/blackwell-datasheet-3384703",
    "revision 3384703",
    "a note on GitHub that copies its table",
)
GRACE_SHEET = Document(
    "NVIDIA Grace CPU Superchip data sheet",
    "https://xenon.com.au/wp-content/uploads/2023/09/"
    "hpc-datasheet-grace-cpu-superchip-datasheet-2705400.pdf",
    "March 2023",
    _SURVEY,
)
GA102_PAPER = Document(
    "NVIDIA Ampere GA102 GPU Architecture, appendix A, table 9",
    "https://www.nvidia.com/content/PDF/nvidia-ampere-ga-102-gpu-architecture-whitepaper-v2.pdf",
    "version 2",
    f"{_FP8_POST}, and notes on matrix products on GitHub",
)
ADA_PAPER = Document(
    "NVIDIA Ada GPU Architecture, appendix A, table 2",
    "https://images.nvidia.com/aem-dam/Solutions/geforce/ada/nvidia-ada-gpu-architecture.pdf",
    "version 2.1",
    f"{_FP8_POST}, and benchmarks on GitHub that copy its table",
)
RTX_BLACKWELL_PAPER = Document(
    "NVIDIA RTX Blackwell GPU Architecture, table 3",
    "https://images.nvidia.com/aem-dam/Solutions/geforce/blackwell/"
    "nvidia-rtx-blackwell-gpu-architecture.pdf",
    "version 1.1",
    f"{_FP8_POST}, and course notes on GitHub",
)
AGX_ORIN_SHEET = Document(
    "NVIDIA Jetson AGX Orin Series Modules data sheet, DS-10662-001",
    "https://static.generation-robots.com/media/Jetson-AGX-Orin-Data-Sheet.pdf",
    "version 1.8",
    _RECORDS,
)
AGX_ORIN_BRIEF = Document(
    "NVIDIA Jetson AGX Orin Series technical brief, TB_10749-001",
    f"{_NVIDIA}/gtcf21/jetson-orin/nvidia-jetson-agx-orin-technical-brief.pdf",
    "version 1.2, July 2022",
    "http://mzph.cn/web/30785.shtml",
)
ORIN_NX_SHEET = Document(
    "NVIDIA Jetson Orin NX Series data sheet, DS-10712-001",
    "https://files.waveshare.com/wiki/common/Jetson_Orin_NX_DS-10712-001_v1.0.pdf",
    "version 1.0",
    _RECORDS,
)
ORIN_NANO_SHEET = Document(
    "NVIDIA Jetson Orin Nano Series data sheet, DS-11105-001",
    "https://connecttech.com/ftp/pdf/nvidia_jetson_orin_datasheet.pdf",
    "version 1.1",
    _RECORDS,
)
