namespace Mainstay.Routing.Http1;

/// <summary>Why a request is refused. The text never holds anything of the request.</summary>
/// <param name="Status">Status of the answer; the connection is closed after it.</param>
/// <param name="Why">One sentence for the caller.</param>
internal sealed record Refusal(int Status, string Why)
{
    public static readonly Refusal BareCr = new(400, "A carriage return stands without a line feed after it.");
    public static readonly Refusal BareLf = new(400, "A line ends with a line feed alone; lines end with CR LF.");
    public static readonly Refusal Control = new(400, "A control character stands in the head of the request.");
    public static readonly Refusal RequestLineTooLong = new(414, "The request line is too long.");
    public static readonly Refusal HeadersTooLarge = new(431, "The header section is too large, or has too many fields.");
    public static readonly Refusal TrailersTooLarge = new(431, "The trailer section is too large, or has too many fields.");
}
