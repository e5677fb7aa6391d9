"""The shape of each tone, so that a badge reads in black and white too. 12 × 12, in currentColor."""

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from .statuses import Tone

_LINE = 'fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"'
_CUT = (
    'fill="none" stroke="var(--bo-surface)" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round"'
)
_DRAWINGS = {
    Tone.DRAFT: '<circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5"'
    ' stroke-dasharray="2 1.53"/>',
    Tone.PROGRESS: f'<circle cx="6" cy="6" r="4.75" {_LINE}/>'
    '<path d="M6 3.25a2.75 2.75 0 0 1 0 5.5z" fill="currentColor"/>',
    Tone.WAITS: '<path d="M6 .6 11.4 6 6 11.4.6 6z" fill="currentColor"/>'
    f'<path d="M6 3.4v3" {_CUT}/><circle cx="6" cy="8.3" r=".75" fill="var(--bo-surface)"/>',
    Tone.GOOD: '<circle cx="6" cy="6" r="5.5" fill="currentColor"/>'
    f'<path d="m3.6 6.2 1.7 1.7 3.2-3.6" {_CUT}/>',
    Tone.BAD: '<path d="M3.7.5h4.6l3.2 3.2v4.6l-3.2 3.2H3.7L.5 8.3V3.7z" fill="currentColor"/>'
    f'<path d="m4.2 4.2 3.6 3.6m0-3.6L4.2 7.8" {_CUT}/>',
    Tone.ENDED: f'<circle cx="6" cy="6" r="4.75" {_LINE}/><path d="M4 6h4" {_LINE}/>',
}


def draw_shape(tone: Tone) -> SafeString:
    """Return the tone's shape as SVG, hidden from screen readers: the word beside it speaks."""
    return format_html(
        '<svg class="bo-shape is-{}" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">{}</svg>',
        tone,
        mark_safe(_DRAWINGS[tone]),  # noqa: S308 (a constant above)
    )
